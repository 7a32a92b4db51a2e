"""Telling questions apart, and knowing when not to answer: figures worked out by hand, and what holds for any file."""

import doctest
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from aircue_cloud.cli import main
from aircue_cloud.errors import CommandError
from aircue_cloud.support import articles, calibration, evaluating, matching, reader, states, words
from aircue_cloud.support.calibration import Rehearsed
from aircue_cloud.support.matching import Scores

TOPICS = ("parcel", "refund", "invoice", "password", "sensor", "voucher")
FRAMES = (
    "where is the {0}",
    "I have a question about my {0}",
    "{0} please",
    "help me with this {0}",
    "tell me of the {0}",
    "my {0} is not right",
    "is there any {0}",
    "why is the {0} gone",
)
TEXTS = [frame.format(topic) for topic in TOPICS for frame in FRAMES]
INTENTS = [topic for topic in TOPICS for _ in FRAMES]


class ByTheBook:
    """A matcher whose answers and sureness stand in the question: `intent sureness`. Of an intent that it does not know
    it is unsure, unless the question is sly."""

    def __init__(self, _: Sequence[str], intents: Sequence[str]) -> None:
        self.intents = sorted(set(intents))

    def scores(self, texts: Sequence[str]) -> Scores:
        found = np.zeros((len(texts), len(self.intents)))
        for row, text in enumerate(texts):
            intent, sure = text.split()[:2]
            if intent in self.intents:
                found[row, self.intents.index(intent)] = float(sure)
            else:
                found[row, 0] = 0.9 if "sly" in text else 0.1
        return found

    def sureness(self, scores: Scores) -> Scores:
        return np.asarray(scores.max(axis=1))


@pytest.mark.parametrize("module", [words, matching, calibration, states])
def test_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # a module


def test_figures_of_a_file_are_those_worked_out_by_hand() -> None:
    """Of ten questions of each of five intents, six are answered right and surely, three wrong and unsurely, one
    right and unsurely. Held back, two of the ten are taken surely for another one: the sly ones."""
    names = ["a", "b", "c", "d", "e"]
    sure, unsure = 0.9, 0.2
    texts, intents = [], []
    for name in names:
        other = names[(names.index(name) + 1) % 5]
        told = [f"{name} {sure} sly"] * 2 + [f"{name} {sure}"] * 4 + [f"{other} {unsure}"] * 3 + [f"{name} {unsure}"]
        texts += [f"{one} {place}" for place, one in enumerate(told)]
        intents += [name] * 10
    found = evaluating.evaluate(texts, intents, ByTheBook)
    assert (found.questions, found.intents) == (50, 5)
    assert found.accuracy == pytest.approx(35 / 50)
    assert found.coverage_at_p95 == pytest.approx(30 / 50), "of 50 answers 35 are right, of the 30 sure ones all"
    assert found.precision_there == 1.0
    assert found.abstention_recall is not None
    assert found.abstention_recall == pytest.approx(8 / 10), "all but the sly ones"
    assert found.kept == pytest.approx(6 / 10, abs=0.05), "the sure ones: each fold has its own share of them"
    assert found.precision_kept == 1.0


def test_what_was_never_told_apart_is_abstained_from_and_what_was_is_answered() -> None:
    found = evaluating.evaluate(TEXTS, INTENTS)
    assert found.accuracy == 1.0
    assert found.coverage_at_p95 == 1.0
    assert found.abstention_recall is not None
    assert found.abstention_recall > 0.9
    assert found.kept is not None
    assert found.kept > 0.9


def test_no_tested_question_and_no_held_back_intent_is_ever_learnt_from() -> None:
    learnt: list[tuple[frozenset[str], frozenset[str]]] = []

    class Watched(ByTheBook):
        def __init__(self, texts: Sequence[str], intents: Sequence[str]) -> None:
            super().__init__(texts, intents)
            self.seen, self.of = frozenset(texts), frozenset(intents)

        def scores(self, texts: Sequence[str]) -> Scores:
            assert not self.seen & set(texts)
            learnt.append((self.seen, self.of))
            return super().scores(texts)

    texts = [f"{name} 0.{number + 1} {number}" for name in "abcdef" for number in range(10)]
    evaluating.evaluate(texts, [text[0] for text in texts], Watched)
    assert any(len(of) < 5 for _, of in learnt), "some had intents held back in both loops"
    # Five folds of four rounds each, fitted twice over: with every intent, and without the group that is held back.
    assert len(learnt) == 5 * (4 + 1) + 5 * (4 + 1 + 1)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=60),
)
def test_a_line_answers_no_more_than_it_should_and_a_higher_one_never_more(
    rows: list[tuple[float, bool, bool]],
) -> None:
    sureness = np.array([row[0] for row in rows])
    right, foreign = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    line = calibration.calibrated(Rehearsed(sureness=sureness, right=right & ~foreign, foreign=foreign))
    known = sureness[~foreign] >= line.least_precise
    if known.any():
        assert right[~foreign][known].mean() >= calibration.PRECISION
    good, bad = sureness[right & ~foreign], sureness[~right | foreign]
    if len(good) and len(bad):
        assert (good >= line.least).mean() + (bad < line.least).mean() >= 1
    chances = line.chance(np.linspace(0, 1, 5))
    assert ((chances >= 0) & (chances <= 1)).all()


def test_bm25_and_characters_both_count() -> None:
    nearest = matching.Nearest(["return a parcel", "pay by card", "退货怎么办"], ["returns", "payment", "returns"])
    scores = nearest.scores(["return a parcel", "retrun parcels", "xxxx", "怎么退货", "???"])
    assert scores.shape == (5, 2)
    assert scores[0, 1] > 0.7
    assert scores[1, 1] > scores[1, 0], "through its characters: no word of it is known as it is written"
    assert scores[2].max() == 0
    assert scores[3, 1] > 0.3
    assert scores[4].max() == 0
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_ships_answers_its_own_questions_and_abstains_from_others(language: str) -> None:
    found = tuple(one for (of, _), one in articles.shipped().items() if of == language)
    read = reader.of(language, found)
    asked = [(question, one.name) for one in found for question in one.questions]
    answered = [(read.match(question).article, name) for question, name in asked]
    given_ = [(article.name, name) for article, name in answered if article is not None]
    assert len(given_) / len(asked) > 0.9
    assert sum(mine == name for mine, name in given_) / len(given_) > 0.97
    for foreign in {
        "en": ["zxcvb qwerty", "1 2 3", "?!"],
        "zh": ["吾輩は猫である", "\N{FULLWIDTH QUESTION MARK}", "123"],
    }[language]:
        assert read.match(foreign).article is None, foreign


def test_articles_of_one_intent_or_none_are_nothing_to_tell_apart() -> None:
    assert reader.of("en", ()).match("where is my order").article is None
    alone = (articles.shipped()["en", "returns"],)
    match = reader.of("en", alone).match("how do I return a product")
    assert match.article is None
    assert [one.name for one in match.suggested] == ["returns"]


# Files.


def write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


GOOD = ["utterance,intent", *(f"{text},{intent}" for text, intent in zip(TEXTS, INTENTS, strict=True))]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["text,intent", "a,b"], "column utterance is missing; its first line has: text, intent"),
        ([*GOOD, ",lost", "word,"], "2 rows do not fit; line 50: no utterance; line 51: no intent"),
        ([*GOOD, "alone,single"], "each intent needs 5 questions or more, one for each fold; too few of: single"),
        (["utterance,intent", *(f"q{n},one" for n in range(9))], "one intent or none"),
        ([*GOOD, "x" * 2001 + ",refund"], "line 50: an utterance of more than 2000 characters"),
        ([*GOOD, '"open,refund'], "a quote may stand open"),
        ([], "column utterance is missing"),
    ],
)
def test_a_file_that_does_not_fit_says_where(tmp_path: Path, lines: list[str], said: str) -> None:
    path = write(tmp_path / "asked.csv", lines)
    result = CliRunner().invoke(main, ["support", "evaluate", "--in", str(path)])
    assert result.exit_code == 1
    assert said in result.output


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        evaluating.read(tmp_path / "never.csv")
    (tmp_path / "latin.csv").write_bytes(b"utterance,intent\n\xff,a\n")
    with pytest.raises(CommandError, match="byte 17 is no UTF-8"):
        evaluating.read(tmp_path / "latin.csv")
    (tmp_path / "plain.csv.gz").write_bytes(b"utterance,intent\n")
    with pytest.raises(CommandError, match="no gzip"):
        evaluating.read(tmp_path / "plain.csv.gz")


def test_the_command_prints_the_figures_and_ends_with_json(tmp_path: Path) -> None:
    path = tmp_path / "asked.csv.gz"
    path.write_bytes(gzip.compress("\n".join(["intent,note,utterance", *_turned()]).encode()))
    result = CliRunner().invoke(main, ["support", "evaluate", "--in", str(path)])
    assert result.exit_code == 0, result.output
    last = json.loads(result.output.splitlines()[-1])
    assert last["accuracy"] == 1.0
    assert last["questions"] == len(TEXTS)
    assert "abstention on held-back intents" in result.output


def _turned() -> list[str]:
    return [f'{intent},,"{text}"' for text, intent in zip(TEXTS, INTENTS, strict=True)]
