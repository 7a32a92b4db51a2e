"""The study: its tables come out of our code, its experiment runs on a simulated shop, its arithmetic is repeated."""

import json
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aircue_cloud.cli import main
from aircue_cloud.needs import needs
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import before_after, open_data, study
from aircue_cloud.recommender.evaluating.before_after import detectable, users_per_arm
from aircue_cloud.recommender.evaluating.context_log import read_context
from aircue_cloud.recommender.evaluating.protocol import Protocol, question, top
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting, read_csv
from aircue_cloud.recommender.lift import Evidence, Lift
from aircue_cloud.recommender.models.item_knn import ItemKnn, co_occurrence

# The co-occurrence matrix of the study, and five users' likes that give it; Cup is liked by 022 and 239 as there.
ITEMS = ("Cup", "Lunch box", "Napkin", "Scarf", "Shoulder bag")
D = {
    ("Cup", "Lunch box"): 1, ("Cup", "Shoulder bag"): 2, ("Lunch box", "Napkin"): 2, ("Lunch box", "Shoulder bag"): 2,
    ("Lunch box", "Scarf"): 1, ("Napkin", "Shoulder bag"): 2, ("Napkin", "Scarf"): 1,
}  # fmt: skip
LIKES = {
    "022": ("Cup", "Lunch box", "Shoulder bag"),
    "087": ("Lunch box", "Napkin", "Shoulder bag"),
    "134": ("Napkin", "Shoulder bag"),
    "168": ("Lunch box", "Napkin", "Scarf"),
    "239": ("Cup", "Shoulder bag"),
}
# Ratings of 0..5, and the environment of the room and outdoors, as the study prints them.
RATINGS = (
    ("001", "Coat", 4), ("035", "Shoes", 5), ("088", "Bag", 1), ("122", "Perfume", 5), ("137", "Scarf", 4),
    ("183", "Headphones", 4), ("199", "Hand sanitizer", 3),
)  # fmt: skip
ENVIRONMENT = (
    ("087", 21.2, 80.0, "rainy", 19.4), ("123", 24.2, 62.0, "clear", 23.1), ("133", 24.6, 60.0, "cloudy", 23.5),
    ("167", 24.3, 68.0, "clear", 25.7), ("206", 30.8, 83.0, "rainy", 32.8),
)  # fmt: skip


def liked() -> Interactions:
    return Interactions.of((user, item, 0.0, 1.0) for user, items in LIKES.items() for item in items)


def fitted(k: int = 100) -> ItemKnn:
    model = ItemKnn(k)
    model.fit(liked(), 1.0)
    return model


def test_d_of_the_study_comes_out() -> None:
    d = co_occurrence(liked().matrix(Weighting(shape="binary"), 1.0))
    assert liked().items == ITEMS
    found = {(ITEMS[i], ITEMS[j]): d[i, j] for i, j in combinations(range(5), 2) if d[i, j]}
    assert found == D
    assert np.array_equal(d, d.T)
    assert d.diagonal().tolist() == [2, 3, 3, 1, 4]


def test_formula_4_by_hand_on_the_studys_matrix() -> None:
    """User 239 likes Cup (2 users) and Shoulder bag (4). Lunch box (3): 1 / sqrt(3 x 2) + 2 / sqrt(3 x 4); Napkin (3):
    2 / sqrt(3 x 4); nobody who likes one of the two likes Scarf."""
    scores = dict(zip(ITEMS, fitted().scores([list(LIKES).index("239")])[0], strict=True))
    assert scores["Lunch box"] == pytest.approx(1 / 6**0.5 + 2 / 12**0.5, rel=1e-6)
    assert scores["Napkin"] == pytest.approx(2 / 12**0.5, rel=1e-6)
    assert scores["Scarf"] == 0


def test_formula_4_with_the_nearest_neighbour_alone() -> None:
    """K = 1: of Lunch box it is Napkin (2 / 3), which 239 does not like; of Napkin it is Lunch box."""
    scores = dict(zip(ITEMS, fitted(k=1).scores([list(LIKES).index("239")])[0], strict=True))
    assert scores["Lunch box"] == 0
    assert scores["Napkin"] == 0
    assert scores["Cup"] == pytest.approx(2 / 8**0.5, rel=1e-6)


def test_the_studys_ratings_are_a_log_in_which_a_1_says_less_than_a_5() -> None:
    log = Interactions.of((user, item, float(at), float(stars)) for at, (user, item, stars) in enumerate(RATINGS))
    r = log.matrix(Weighting(), 10.0)
    assert {(log.users[u], log.items[i]): int(r[u, i]) for u, i in zip(*r.nonzero(), strict=True)} == {
        (user, item): stars for user, item, stars in RATINGS
    }


def test_of_the_studys_rooms_one_is_past_the_threshold_and_one_stands_at_it() -> None:
    """ "Passes 80" is strictly greater: 87 is not offered anything, 206 is, and its rule doubles a dehumidifier."""
    damp = needs.load().by_name["damp-air"]
    assert [user for user, _, humidity, _, _ in ENVIRONMENT if humidity > damp.rule.enter] == ["206"]
    assert damp.rule.enter == 80
    lift = Lift({("damp-air", "dehumidifier"): damp.remedies["dehumidifier"]}, list[Evidence]())
    assert lift.category("damp-air", "dehumidifier").mean > 1


# The experiment, on a simulated shop.


def shop(users: int = 60, seed: int = 3) -> Interactions:
    """Simulated: two tastes of twenty items each, forty turns a user over fifty days."""
    random = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        for _ in range(40):
            item = int(random.integers(20)) + 20 * (user % 2)
            rows.append((f"u{user:03}", f"i{item:02}", float(random.uniform(0, 50 * DAY_S)), 3.0))
    return Interactions.of(rows)


def test_a_set_has_the_users_and_interactions_it_should() -> None:
    entries = study.first_times(shop())
    drawn = study.draw(entries, np.random.default_rng(1), users=30, events=450)
    assert (len(drawn), drawn.shape[0]) == (450, 30)
    assert len(np.unique(drawn.user.astype(int) * 1000 + drawn.item)) == 450
    names = {(entries.users[u], entries.items[i]) for u, i in zip(entries.user, entries.item, strict=True)}
    assert {(drawn.users[u], drawn.items[i]) for u, i in zip(drawn.user, drawn.item, strict=True)} <= names
    again = study.draw(entries, np.random.default_rng(1), users=30, events=450)
    assert again.fingerprint == drawn.fingerprint


def test_a_log_that_is_too_small_is_told() -> None:
    with pytest.raises(DatasetError, match=r"no set of 254 users with 20,675 interactions; take a larger log"):
        study.draw(shop(), np.random.default_rng(1))


@pytest.mark.parametrize("name", study.DEALINGS)
def test_a_split_leaves_a_fifth_to_be_found(name: str) -> None:
    log = study.first_times(shop())
    split = study.DEALINGS[name](log, 4)
    assert len(split.known) == round(0.8 * len(log))
    assert len(split.later) == len(log) - len(split.known)
    pairs = [set(zip(part.user.tolist(), part.item.tolist(), strict=True)) for part in (split.known, split.later)]
    assert not pairs[0] & pairs[1]


def test_a_split_in_time_learns_nothing_from_later() -> None:
    split = study.in_time(shop(), 0)
    assert split.known.at.max() < split.later.at.min()


def test_a_dealt_split_hides_the_times() -> None:
    split = study.at_random(shop(), 0)
    assert set(split.known.at) | set(split.later.at) == {0.0, 1.0}


def test_categories_take_the_place_of_items() -> None:
    one = study.by(shop(4), {f"i{item:02}": "even" if item % 2 == 0 else "odd" for item in range(39)})
    assert one.items == ("even", "odd", "other")
    assert len(one) == len(shop(4))


@pytest.mark.parametrize("factors", [2, 5])
def test_cosines_after_svd_are_those_of_the_reduced_matrix(factors: int) -> None:
    log = study.first_times(shop(30))
    r = log.matrix(Weighting(shape="binary"), np.inf).toarray().astype(float)
    u, s, vt = np.linalg.svd(r, full_matrices=False)
    reduced = (u[:, :factors] * s[:factors]) @ vt[:factors]
    unit = reduced / np.linalg.norm(reduced, axis=0)
    cosine = unit.T @ unit
    np.fill_diagonal(cosine, 0)
    model = study.AfterSvd(k=r.shape[1], factors=factors)
    model.fit(log, np.inf)
    assert model.scores(range(30)) == pytest.approx(r @ np.maximum(cosine, 0), abs=1e-3)


def test_accuracy_is_precision_at_10_on_what_is_new() -> None:
    split = study.at_random(study.first_times(shop()), 4)
    asked = question(split, Protocol.NEW)
    model = ItemKnn(30)
    model.fit(split.known, split.at)
    found = []
    for user in asked.rows.tolist():
        scores = model.scores([user]).astype(float)
        scores[0, split.known.item[split.known.user == user]] = -np.inf
        bought = set(split.later.item[split.later.user == user].tolist())
        found.append(len(bought & set(top(scores, 10)[0].tolist())) / 10)
    assert study.accuracy_of(ItemKnn(30), split) == pytest.approx(np.mean(found))


def row(number: int, **accuracy: float) -> study.Row:
    named = {study.BEFORE: accuracy["before"], study.AFTER: accuracy["after"]}
    return study.Row(set=number, split="random", by="product", users=9, accuracy=named, chosen={})


def test_a_gain_is_paired_by_set() -> None:
    """Sets that differ a lot and a gain that does not: known for sure. By hand: t of 2 degrees of freedom is 4.303."""
    (found,) = study.summaries(
        [row(0, before=0.1, after=0.11), row(1, before=0.5, after=0.52), row(2, before=0.3, after=0.33)]
    )
    assert found.accuracy[study.BEFORE] == pytest.approx((0.3, 0.2))
    assert found.gain[study.AFTER] == pytest.approx(
        (0.02, 0.02 - 4.303 * 0.01 / 3**0.5, 0.02 + 4.303 * 0.01 / 3**0.5), abs=1e-4
    )


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", "study", *map(str, arguments)])


def test_the_command_writes_figures_and_a_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study.draw, "__defaults__", (40, 600))
    file = tmp_path / "log.csv"
    whole = shop()
    lines = [
        f"{whole.users[u]},{whole.items[i]},{at}\n" for u, i, at in zip(whole.user, whole.item, whole.at, strict=True)
    ]
    file.write_text("user,item,time\n" + "".join(lines))
    result = run(
        "--interactions",
        file,
        "--sets",
        2,
        "--tune-s",
        0,
        "--json",
        tmp_path / "out.json",
        "--plot",
        tmp_path / "out.png",
    )
    assert result.exit_code == 0, result.output
    assert "formula (4) after SVD" in result.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert [(one["set"], one["split"]) for one in figures["sets"]] == [
        (0, "random"),
        (0, "temporal"),
        (1, "random"),
        (1, "temporal"),
    ]
    for one in figures["sets"]:
        assert one["accuracy"][study.BEFORE] > one["accuracy"]["popularity"]
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_without_data_the_command_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRCUE_DATA", raising=False)
    assert "AIRCUE_DATA names no folder" in run().output
    monkeypatch.setenv("AIRCUE_DATA", str(tmp_path))
    assert "docs/data-sets.md says where to get it" in run().output


RETAIL = Path(os.environ.get("AIRCUE_DATA", "")) / "online_retail" / "invoices.csv.gz"


@pytest.mark.skipif(not RETAIL.is_file(), reason="set AIRCUE_DATA to the folder of docs/data-sets.md")
def test_open_data_become_files_that_the_other_commands_read(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", "open-data", str(tmp_path / "open")])
    assert result.exit_code == 0, result.output
    log = read_csv(tmp_path / "open" / "online-retail.csv")
    assert (len(log), *log.shape) == (266_518, 3_616, 3_508)
    assert read_context(tmp_path / "open" / "outdoor.csv").columns == ("outdoor_c",)


def test_a_category_is_the_thing_in_a_description() -> None:
    mugs = {f"m{number}": f"RED RETROSPOT MUG {number}" for number in range(6)}
    mugs |= {f"n{number}": f"SET OF {number} MUGS BLUE" for number in range(6)}
    found = open_data.categories({**mugs, "x": "GIANT ANVIL"})
    assert {found[item] for item in mugs} == {"MUG"}
    assert found["x"] == "other"


# Before and after.

BEFORE = (
    2159077.113, 2295660.042, 1890403.191, 1969012.071, 1998069.282, 2212839.972, 2073028.464, 2107139.103, 2135073.33,
    2091417.327, 2122860.879, 2172693.294,
)  # fmt: skip
AFTER = (
    2374970.787, 2524608.405, 1909353.546, 2165955.39, 2038075.587, 2412029.259, 2300994.216, 2338894.926, 2348580.663,
    2258741.943, 2377637.874, 2389990.698,
)  # fmt: skip
ROI = (43, 47.8, 45.5, 42, 41, 45.6, 47.8, 43.5, 42.8, 45.2, 46, 49.8)


def test_the_studys_sales_give_its_figures_and_are_called_what_they_are() -> None:
    found = before_after.before_after(BEFORE, AFTER, ROI)
    assert round(100 * found.mean_of_ratios, 2) == 8.66
    assert round(100 * found.ratio_of_sums, 2) == 8.77
    assert round(found.mean_roi, 1) == 45.0
    assert found.label == "before/after, not causal"


@pytest.mark.parametrize(("before", "after"), [((), ()), ((1.0,), (1.0, 2.0)), ((0.0,), (1.0,))])
def test_months_that_do_not_pair_up_are_refused(before: tuple[float, ...], after: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="month"):
        before_after.before_after(before, after, (1.0,))


def test_the_users_such_a_rise_takes() -> None:
    """Spending with a standard deviation of 2.31 means, 45.3 % of it known from before."""
    assert users_per_arm(0.087, 2.31) == pytest.approx(11_066, rel=1e-3)
    assert users_per_arm(0.087, 2.31, 0.4528) == pytest.approx(6_055, rel=1e-3)
    assert detectable(127, 2.31, 0.4528) == pytest.approx(0.60, abs=0.005)


@pytest.mark.parametrize("explained", [0.0, 0.5])
def test_simulated_experiments_of_that_size_find_the_effect_four_times_in_five(explained: float) -> None:
    """Simulated: normal outcomes whose variance earlier spending explains in part and takes away."""
    effect, variation, random = 0.2, 1.5, np.random.default_rng(8)
    users = users_per_arm(effect, variation, explained)
    spread = variation * (1 - explained) ** 0.5
    one = random.normal(1 + effect, spread, (2000, users)).mean(axis=1)
    other = random.normal(1, spread, (2000, users)).mean(axis=1)
    z = (one - other) / (spread * (2 / users) ** 0.5)
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.8, abs=0.03)


def test_spending_is_measured_on_users_known_before() -> None:
    """Everybody spends as before, once more: all of the variance is explained; a newcomer does not count."""
    rows = [(f"u{user}", "i", at, float(user + 1)) for user in range(50) for at in (0.0, 59 * DAY_S)]
    found = before_after.spending(Interactions.of([*rows, ("new", "i", 59 * DAY_S, 1000.0)]), cap=100)
    amounts = np.arange(1, 51)
    assert found.users == 50
    assert found.explained == pytest.approx(1)
    assert found.variation == pytest.approx(amounts.std() / amounts.mean())
