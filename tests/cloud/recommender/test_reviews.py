"""Rating text: aspects, sentiment learnt from stars, negation, abstention, quality; all texts here are simulated."""

import csv
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from aircue_cloud.cli import main
from aircue_cloud.demo.reviews import sentence
from aircue_cloud.recommender import reviews
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.reviews import Review, Sentiment, aspects_of, clauses, held_out, learn, summaries, words

GOOD = ("quiet", "sturdy", "lovely", "solid", "useful")
BAD = ("noisy", "flimsy", "ugly", "weak", "useless")
THINGS = ("fan", "lamp", "heater", "towel", "bag")


def simulated() -> list[Review]:
    """Simulated: plain and negated praise and blame of five things."""
    rows = []
    for thing, good, bad in product(THINGS, GOOD, BAD):
        rows += [
            Review(product=thing, text=f"the {thing} is {good} and I like it", stars=5.0),
            Review(product=thing, text=f"the {thing} is {bad}, I sent it back", stars=1.0),
            Review(product=thing, text=f"it is not {good}", stars=2.0),
            Review(product=thing, text=f"it is not {bad}", stars=4.0),
        ]
    return rows


LEARNT = learn(simulated())


def test_a_clause_ends_at_punctuation_and_at_a_turn() -> None:
    assert clauses("Good: it is quiet, but the seams gave way.") == ["Good", "it is quiet", "the seams gave way"]


def test_a_negation_marks_what_follows_in_its_clause() -> None:
    assert words("It isn't quiet at all") == ["it", "isnt", "not_quiet", "not_at", "not_all"]
    assert words("It isn’t") == ["it", "isnt"]  # noqa: RUF001  # as phones write it


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("the fan is quiet", True),
        ("the fan is not quiet", False),
        ("the fan is noisy", False),
        ("the fan is not noisy", True),
        ("not noisy, lovely", True),
    ],
)
def test_negation_turns_a_judgement(text: str, good: bool) -> None:
    positive = LEARNT.positive(text)
    assert positive is not None
    assert (positive > 0.5) is good


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!!!",
        "Der Ventilator ist sehr leise und angenehm",
        "Le ventilateur est silencieux",
        "风扇很安静",
        "xyzzy plugh",
    ],
)
def test_a_text_of_unknown_words_is_not_judged(text: str) -> None:
    assert LEARNT.positive(text) is None


def test_another_language_is_judged_where_ratings_in_it_taught_it() -> None:
    rows = [Review(product="a", text=text, stars=stars) for text, stars in (("sehr leise", 5.0), ("viel zu laut", 1.0))]
    german = learn(rows * 20)
    good, bad = german.positive("leise"), german.positive("zu laut")
    assert good is not None
    assert bad is not None
    assert good > 0.5 > bad


def test_the_model_is_penalised_logistic_regression_as_scikit_learn_has_it() -> None:
    rows = [review for review in simulated() if review.stars != 3]
    texts = [reviews.features(review.text) for review in rows]
    x = reviews._table(texts, LEARNT.places)
    y = np.array([float(review.stars or 0) > 3 for review in rows])
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(x, y)
    assert LEARNT.weights == pytest.approx(theirs.coef_[0], abs=2e-3)
    assert LEARNT.bias == pytest.approx(theirs.intercept_[0], abs=2e-3)


def test_held_out_figures_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(4)
    rows = [
        Review(
            product="a",
            text=f"{random.choice(GOOD + BAD)} {random.choice(GOOD + BAD)}",
            stars=float(random.choice([1, 5])),
        )
        for _ in range(120)
    ]
    found = held_out(LEARNT, rows)
    p = np.array([LEARNT.positive(row.text) for row in rows], dtype=float)
    y = np.array([row.stars == 5 for row in rows])
    assert found.auc == pytest.approx(roc_auc_score(y, p))
    assert found.brier == pytest.approx(brier_score_loss(y, p))
    assert found.log_loss == pytest.approx(log_loss(y, p))
    assert found.unknown == 0


def test_calibration_is_0_for_chances_that_come_true_and_large_for_bluster() -> None:
    y = np.r_[np.ones(30), np.zeros(70)]
    assert reviews._calibration(np.full(100, 0.3), y) == pytest.approx(0)
    assert reviews._calibration(np.full(100, 0.95), y) == pytest.approx(0.65)


def shop(seed: int, count: int) -> list[Review]:
    """The demo's simulated ratings."""
    random = np.random.default_rng(seed)
    kinds = ("dehumidifier", "bedding", "lamp")
    stars = random.integers(1, 6, size=count).tolist()
    return [
        Review(product=kinds[n % 3], text=sentence(s, kinds[n % 3], random), stars=float(s))
        for n, s in enumerate(stars)
    ]


def test_on_the_demos_simulated_ratings_held_out_reasons_are_told_apart() -> None:
    """Openings are shared between good and bad texts of training and test; a reason of each kind is held out whole."""
    unseen = ("the controls explain themselves", "the buttons make no sense", "it feels thin", "the material is lovely")
    rows = shop(1, 900)
    train = [row for row in rows if not any(one in row.text for one in unseen)]
    found = held_out(learn(train), [row for row in rows if any(one in row.text for one in unseen)])
    assert found.texts > 60
    assert found.auc > 0.9
    assert found.unknown < 0.6


@pytest.mark.parametrize(
    ("clause", "aspects"),
    [("it hums louder than promised", ["noise"]), ("it was worth the price", ["price"]), ("hello", []),
     ("it is not quiet and costs a lot", ["noise", "price"])],
)  # fmt: skip
def test_aspects_are_those_of_the_lexicon(clause: str, aspects: list[str]) -> None:
    assert aspects_of(clause) == aspects


def test_a_products_summary_counts_clauses_by_aspect() -> None:
    rows = [
        Review(product="fan", text="the fan is quiet, not useless", stars=5.0),
        Review(product="fan", text="it is noisy", stars=1.0),
        Review(product="fan", text="the fan is quiet", stars=None),
        Review(product="fan", text="Der Ventilator brummt sehr", stars=2.0),
    ]
    found = summaries(rows, LEARNT)["fan"]
    (noise,) = [one for one in found.aspects if one.name == "noise"]
    assert noise.mentions == 3
    assert noise.positive == pytest.approx(2 / 3)
    assert noise.example == "the fan is quiet"
    assert found.unknown == 0.25
    assert found.ratings == 4


def test_quality_is_the_shrunk_mean_by_hand() -> None:
    """Overall mean 3; two ratings of 5 against ten at the mean: (30 + 10) / 12."""
    rows = [Review(product="a", text="", stars=5.0)] * 2 + [Review(product="b", text="", stars=1.0)] * 2
    found = summaries(rows, LEARNT)
    assert found["a"].quality == pytest.approx(40 / 12)
    assert found["b"].quality == pytest.approx(32 / 12)
    assert reviews.quality([], 3.0) == 3.0


def test_a_text_without_stars_counts_by_what_it_says() -> None:
    rows = [
        Review(product=name, text=f"the {name} is {word}", stars=None)
        for name, word in (("fan", "quiet"), ("bag", "ugly"))
    ]
    found = summaries(rows * 10, LEARNT)
    assert found["fan"].quality > 3 > found["bag"].quality


def test_too_few_ratings_of_a_kind_are_told() -> None:
    with pytest.raises(DatasetError, match=r"5 ratings of 4 and 5 stars with text and 0 of 1 and 2: at least 20"):
        learn([Review(product="a", text="fine", stars=5.0)] * 5)


def test_held_out_texts_of_one_kind_say_nothing() -> None:
    with pytest.raises(DatasetError, match="not of both kinds"):
        held_out(LEARNT, [Review(product="a", text="the fan is quiet", stars=5.0)])


def test_a_sentiment_is_made_of_plain_parts_that_a_store_can_keep() -> None:
    again = Sentiment(
        places=dict(LEARNT.places), weights=np.array(LEARNT.weights.tolist()), bias=LEARNT.bias, texts=LEARNT.texts
    )
    assert again.positive("the fan is quiet") == LEARNT.positive("the fan is quiet")


# The command.


def written(folder: Path, rows: list[Review]) -> Path:
    file = folder / "ratings.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["product", "stars", "text"])
        writer.writerows([one.product, "" if one.stars is None else one.stars, one.text] for one in rows)
    return file


def test_ratings_from_a_file_are_those_written(tmp_path: Path) -> None:
    rows = [*shop(2, 5), Review(product="x", text="no, stars", stars=None)]
    assert reviews.read_reviews(written(tmp_path, rows)) == rows


def test_what_is_held_out_was_not_learnt_word_for_word() -> None:
    train, held = reviews.dealt(shop(3, 400))
    assert len(train) + len(held) == 400
    assert held
    assert not {one.text for one in train} & {one.text for one in held}


def test_the_command_prints_figures_on_held_out_texts_and_summaries(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    file = written(tmp_path, shop(4, 600))
    result = CliRunner().invoke(main, ["evaluate", "reviews", "--ratings", str(file), "--json", str(out)])
    assert result.exit_code == 0, result.output
    assert "held-out" in result.output
    figures = json.loads(out.read_text())
    assert figures["held_out"]["auc"] > 0.8
    assert {one["product"] for one in figures["products"]} == {"dehumidifier", "bedding", "lamp"}
    assert all(1 <= one["quality"] <= 5 and one["aspects"] for one in figures["products"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("product,text\na,fine\n", "no column stars; expected product,stars,text"),
        ("product,stars,text\na,6,fine\n", "line 2, column stars: '6', expected a number from 1 to 5, or nothing"),
        ("product,stars,text\na,5.5,fine\n", "line 2, column stars: '5.5'"),
        ("product,stars,text\na,nan,fine\n", "line 2, column stars: 'nan'"),
        ("product,stars,text\n,5,fine\n", "line 2, column product: empty"),
        ("product,stars,text\n", "no ratings"),
    ],
)
def test_a_file_that_holds_no_ratings_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text(text)
    with pytest.raises(DatasetError, match=why):
        reviews.read_reviews(file)
