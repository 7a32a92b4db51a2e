"""The files of models: they come back as they were, a broken one is never served, the active one changes as a whole."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cloud.recommender.trained import SERVABLE, of_recipes, start

from aircue_cloud.recommender import factor_file, pruning, store
from aircue_cloud.recommender.artefact import Artefact
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing
from aircue_cloud.recommender.factor_file import FactorFile, ids_of, ids_to_arrays
from aircue_cloud.recommender.serving import Recommender


def artefact(fingerprint: str = "f" * 64) -> Artefact:
    return of_recipes((0.5, start("popularity")), (0.5, start("als", factors=3)), fingerprint=fingerprint)


def saved(model_dir: Path, fingerprint: str = "f" * 64) -> str:
    version = store.save(model_dir, artefact(fingerprint))
    store.activate(model_dir, version)
    return version


# The format.


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    file = FactorFile(
        header={"floor": 0.1, "häuser": ["ä"]},
        arrays={"x": np.eye(3, 2, dtype=np.float32), "part0.w.indices": np.arange(4, dtype=np.int32)},
    )
    file.write(tmp_path)
    found = FactorFile.read(tmp_path)
    assert found.header == {"format": "aircue-model", "version": 3, **file.header}
    for name, array in file.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array, strict=True)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="runs where coreutils' sha256sum is installed")
def test_the_checksums_are_those_of_sha256sum(tmp_path: Path) -> None:
    folder = tmp_path / saved(tmp_path)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "checksums"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("OK") == len(list(folder.iterdir())) - 1


@given(st.lists(st.text(max_size=5), unique=True, max_size=8))
def test_ids_of_any_letters_come_back(ids: list[str]) -> None:
    arrays = ids_to_arrays("users", ids)
    assert ids_of("users", arrays) == tuple(ids)
    assert {array.dtype.str for array in arrays.values()} == {"|u1", "<i8"}


@pytest.mark.parametrize(
    ("name", "array"), [("../x", np.zeros(1, np.float32)), ("x", np.zeros(1, np.int16)), ("X", np.zeros(1))]
)
def test_what_the_format_does_not_know_is_not_written(tmp_path: Path, name: str, array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        FactorFile(header={}, arrays={name: array}).write(tmp_path)


# Versions.


@pytest.mark.parametrize("name", SERVABLE)
def test_a_model_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    whole = SERVABLE[name]()
    version = store.save(tmp_path, whole)
    loaded = store.load(tmp_path, version)
    assert (loaded.users, loaded.items, loaded.categories) == (whole.users, whole.items, whole.categories)
    assert (loaded.heads, loaded.vocabulary, loaded.evidence) == (whole.heads, whole.vocabulary, whole.evidence)
    assert {**vars(loaded.info), "version": ""} == vars(whole.info)
    assert store.info(tmp_path, version) == loaded.info
    assert list(loaded.profiles) == list(whole.profiles)
    for before, after in zip(whole.parts, loaded.parts, strict=True):
        assert before.header() == after.header()
        for key, array in before.arrays().items():
            np.testing.assert_array_equal(array, after.arrays()[key], strict=True)


def test_versions_count_up_and_an_older_one_can_be_activated_again(tmp_path: Path) -> None:
    first, second = saved(tmp_path), saved(tmp_path)
    assert store.versions(tmp_path) == [first, second] == ["0001-ffffffffffff", "0002-ffffffffffff"]
    assert store.active_version(tmp_path) == second
    store.activate(tmp_path, first)
    assert store.load_active(tmp_path).info.version == first


def test_a_folder_that_is_no_version_keeps_its_number(tmp_path: Path) -> None:
    """One of an older format, or one that lost its header."""
    (tmp_path / "0007-ffffffffffff").mkdir()
    assert saved(tmp_path) == "0008-ffffffffffff"
    assert store.versions(tmp_path) == ["0008-ffffffffffff"]


@pytest.mark.parametrize("name", ["active", "", ".", "../elsewhere", ".draft"])
def test_a_name_that_is_no_version_is_refused_with_those_that_are(tmp_path: Path, name: str) -> None:
    """`active` lies beside the versions and names one of them."""
    version = saved(tmp_path)
    for refused in (store.activate, store.load, store.info):
        with pytest.raises(ModelMissing, match=f"is no version; there are {version}"):
            refused(tmp_path, name)
    assert store.active_version(tmp_path) == version


def test_a_rollback_goes_back_step_by_step(tmp_path: Path) -> None:
    first, second, third = (saved(tmp_path) for _ in range(3))
    assert [store.rollback(tmp_path), store.rollback(tmp_path)] == [second, first]
    assert store.active_version(tmp_path) == first
    with pytest.raises(ModelMissing, match=f"no version was active before {first}"):
        store.rollback(tmp_path)
    assert store.active_version(tmp_path) == first
    store.activate(tmp_path, third)
    assert store.rollback(tmp_path) == first


def test_a_rollback_passes_over_what_cannot_be_read_any_more(tmp_path: Path) -> None:
    first, second, _ = (saved(tmp_path) for _ in range(3))
    (tmp_path / second / "popularity.npy").write_bytes(b"")
    assert store.rollback(tmp_path) == first


def test_nothing_trained_is_a_typed_error(tmp_path: Path) -> None:
    for asked in (store.load_active, store.rollback):
        with pytest.raises(ModelMissing, match="train one"):
            asked(tmp_path / "nowhere")


def of_trees(model_dir: Path) -> tuple[str, str]:
    """A version, and the part of it that holds trees."""
    whole = of_recipes((1.0, start("ranker")))
    place = next(place for place, part in enumerate(whole.parts) if part.kind == "trees")
    return store.save(model_dir, whole), f"part{place}"


def test_trees_that_grew_come_back_and_those_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    version, part = of_trees(tmp_path)
    roots, right = (tmp_path / version / f"{part}.trees.{name}.npy" for name in ("roots", "right"))
    assert len(np.load(roots)) == 150
    assert len(np.load(right)) > 150  # they ask something
    for path, value in ((right, 100_000), (roots, -1)):
        array, whole = np.load(path), path.read_bytes()
        array[0] = value
        np.save(path, array)
        sealed(tmp_path / version)
        with pytest.raises(ModelCorrupt, match="leads nowhere"):
            store.load(tmp_path, version)
        path.write_bytes(whole)
        sealed(tmp_path / version)
    assert store.load(tmp_path, version).info.version == version


@pytest.mark.parametrize("over", [[0], [9, 9, 9, 9, 9, 9], [-1, 0, 0, 0, 0, 0]])
def test_a_panel_that_is_not_there_is_refused(tmp_path: Path, over: list[int]) -> None:
    version, part = of_trees(tmp_path)
    header = json.loads((tmp_path / version / "header.json").read_text())
    header["parts"][int(part.removeprefix("part"))]["over"] = over
    (tmp_path / version / "header.json").write_text(json.dumps(header))
    sealed(tmp_path / version)
    with pytest.raises(ModelCorrupt, match="is not whole"):
        store.load(tmp_path, version)


def test_a_model_without_somebody_scores_the_others_as_before() -> None:
    """Trees, their panel and the features of users are cut alike."""
    whole = of_recipes((0.7, start("ranker")), (0.3, start("als", factors=3)))
    gone = whole.users[3]
    cut_down = whole.without(frozenset({gone}))
    assert gone not in cut_down.users
    for person in whole.users[:3] + whole.users[4:8]:
        before, after = (Recommender(one).recommend(person, 6, head="repeat") for one in (whole, cut_down))
        assert [one.product for one in before] == [one.product for one in after]
        assert [one.score for one in before] == pytest.approx([one.score for one in after])


# What is old.


def test_old_versions_go_and_the_newest_the_active_and_the_way_back_stay(tmp_path: Path) -> None:
    first, second, third, fourth, fifth, sixth = (saved(tmp_path) for _ in range(6))
    store.activate(tmp_path, first)
    store.activate(tmp_path, third)
    assert pruning.prune(tmp_path, keep=2) == [second, fourth]
    assert store.versions(tmp_path) == [first, third, fifth, sixth]
    assert not list(tmp_path.glob(".*"))
    assert store.rollback(tmp_path) == first
    assert saved(tmp_path) > sixth
    assert pruning.prune(tmp_path, keep=9) == []


def test_a_versions_graph_goes_with_it_and_one_that_nobody_has_goes_too(tmp_path: Path) -> None:
    first, second, third = (saved(tmp_path) for _ in range(3))
    for version in (first, second, third, "0000-gone"):
        folder = tmp_path / f"{version}.graph"
        folder.mkdir()
        (folder / "0").write_bytes(b"a graph")
    assert pruning.prune(tmp_path, keep=1) == [first]
    assert sorted(path.name for path in tmp_path.glob("*.graph")) == [f"{second}.graph", f"{third}.graph"]
    assert not list(tmp_path.glob(".*"))


def test_a_way_back_that_cannot_be_read_is_not_kept_for_it(tmp_path: Path) -> None:
    first, second, third, fourth = (saved(tmp_path) for _ in range(4))
    (tmp_path / third / "popularity.npy").write_bytes(b"")
    assert store.active_version(tmp_path) == fourth
    assert pruning.prune(tmp_path, keep=1) == [first, third]
    assert store.rollback(tmp_path) == second


@pytest.mark.parametrize("content", [b"", b"\xff", None])
def test_nothing_is_removed_where_nobody_knows_what_serves(tmp_path: Path, content: bytes | None) -> None:
    kept = [saved(tmp_path), saved(tmp_path)]
    (tmp_path / "active").unlink() if content is None else (tmp_path / "active").write_bytes(content)
    assert pruning.prune(tmp_path, keep=1) == []
    assert store.versions(tmp_path) == kept


def test_keeping_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        pruning.prune(tmp_path, keep=0)


# Damage.


def sealed(folder: Path) -> None:
    """Checksums that fit, so that what lies behind them is tested."""
    names = [path.name for path in folder.iterdir() if path.name != "checksums"]
    lines = [f"{factor_file._hash(folder / name)}  {name}" for name in sorted(names)]
    (folder / "checksums").write_text("\n".join(lines) + "\n")


def reworded(folder: Path, **changes: object) -> None:
    header = json.loads((folder / "header.json").read_text())
    (folder / "header.json").write_text(json.dumps({**header, **changes}))


def cut(folder: Path) -> None:
    (folder / "part1.y.npy").write_bytes((folder / "part1.y.npy").read_bytes()[:-8])


def flipped(folder: Path) -> None:
    whole = bytearray((folder / "part1.y.npy").read_bytes())
    whole[-3] ^= 1
    (folder / "part1.y.npy").write_bytes(bytes(whole))


def not_numbers(folder: Path) -> None:
    np.save(folder / "popularity.npy", np.full(15, np.nan, dtype=np.float32))
    sealed(folder)


def another_shape(folder: Path) -> None:
    np.save(folder / "popularity.npy", np.full(14, 1 / 14, dtype=np.float32))
    sealed(folder)


def pickled(folder: Path) -> None:
    np.save(folder / "popularity.npy", np.array([{}], dtype=object), allow_pickle=True)
    sealed(folder)


def sealed_with(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        reworded(folder, **changes)
        sealed(folder)

    return damage


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (cut, "does not fit its checksum"),
    "flipped": (flipped, "does not fit its checksum"),
    "cut and sealed": (lambda folder: (cut(folder), sealed(folder)), "cannot be read as an array"),
    "a changed header": (lambda folder: reworded(folder, floor=0.5), "does not fit its checksum"),
    "no JSON": (lambda folder: (folder / "header.json").write_text("{"), "is no JSON"),
    "empty": (lambda folder: (folder / "header.json").write_text(""), "is no JSON"),
    "foreign": (lambda folder: (folder / "header.json").write_text("[1]"), "is no header of an aircue-model"),
    "newer": (lambda folder: reworded(folder, version=4), "has format version 4, this program reads 2 and 3"),
    "a path for a name": (lambda folder: reworded(folder, arrays={"../x": {}}), "does not say which arrays"),
    "no checksums": (lambda folder: (folder / "checksums").write_text(""), "does not fit its checksum"),
    "NaN": (not_numbers, "holds NaN or infinite numbers"),
    "another shape": (another_shape, "the header says"),
    "pickled": (pickled, "cannot be read as an array"),
    "a part too many": (sealed_with(heads={"new": {"mix": [[9, 1]], "temperature": 1}}), "is not whole"),
    "no heads": (sealed_with(heads={}), "without the head 'new'"),
    "an unknown kind": (sealed_with(parts=[{"kind": "oracle", "profile": 0}]), "is not whole"),
    "an unknown weighting": (sealed_with(profiles=[{"shape": "round"}]), "is not whole"),
    "no information": (sealed_with(info={}), "is not whole"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_is_never_served_and_the_error_says_what_is_wrong(tmp_path: Path, damage: str) -> None:
    good, bad = saved(tmp_path), store.save(tmp_path, artefact())
    act, said = DAMAGE[damage]
    act(tmp_path / bad)
    with pytest.raises(ModelCorrupt, match=said):
        store.load(tmp_path, bad)
    with pytest.raises(ModelCorrupt, match=said):
        store.activate(tmp_path, bad)
    assert store.load_active(tmp_path).info.version == good


@pytest.mark.parametrize("name", ["header.json", "checksums", "part1.y.npy"])
def test_a_missing_part_is_a_typed_error(tmp_path: Path, name: str) -> None:
    (tmp_path / saved(tmp_path) / name).unlink()
    with pytest.raises(ModelMissing, match=f"{name} is missing"):
        store.load_active(tmp_path)


@pytest.mark.parametrize("version", ["0099-000000000000", "../elsewhere", "", ".draft-x"])
def test_an_unknown_version_does_not_take_the_active_ones_place(tmp_path: Path, version: str) -> None:
    good = saved(tmp_path)
    with pytest.raises(ModelMissing):
        store.activate(tmp_path, version)
    assert store.active_version(tmp_path) == good


@pytest.mark.parametrize("content", [b"../elsewhere\n", b"", b"\xff\xfe"])
def test_a_pointer_that_names_no_version_is_refused_and_mended_by_activating(tmp_path: Path, content: bytes) -> None:
    version = saved(tmp_path)
    (tmp_path / "active").write_bytes(content)
    with pytest.raises(ModelCorrupt, match="activate"):
        store.load_active(tmp_path)
    store.activate(tmp_path, version)
    assert store.active_version(tmp_path) == version


def test_a_write_that_breaks_off_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = saved(tmp_path)
    monkeypatch.setattr(factor_file, "_hash", _break_off)
    with pytest.raises(OSError, match="disk full"):
        store.save(tmp_path, artefact())
    monkeypatch.undo()
    assert store.versions(tmp_path) == [good]
    assert not list(tmp_path.glob(".draft-*"))
    assert store.load_active(tmp_path).info.version == good


def _break_off(path: Path) -> str:
    raise OSError(f"disk full while reading {path.name}")


def test_everything_is_synced_before_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after a rename must find the content on the disk: files, then their folder, then the name."""
    steps: list[str] = []
    fsync, rename, replace = os.fsync, Path.rename, Path.replace

    def synced(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def named(act: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def both(path: Path, target: Path) -> Path:
            steps.append("name")
            return act(path, target)

        return both

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", named(rename))
    monkeypatch.setattr(Path, "replace", named(replace))
    version = saved(tmp_path)
    files = len(list((tmp_path / version).iterdir()))
    assert steps == ["file"] * files + ["folder", "name", "folder", "file", "name", "folder"]
