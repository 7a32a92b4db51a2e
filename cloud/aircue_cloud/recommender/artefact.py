"""A trained model as one thing: ids, parts, how the parts are mixed into heads, and what it was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender import part_kinds, parts
from aircue_cloud.recommender.attributes import Vocabulary
from aircue_cloud.recommender.factor_file import Array, FactorFile, Ids, ids_of, ids_to_arrays
from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.lift import Evidence
from aircue_cloud.recommender.parts import Part
from aircue_cloud.recommender.reviews import Aspect, Summary

NEW, REPEAT = "new", "repeat"  # the heads, named like the protocols they are chosen by
HEADS = (NEW, REPEAT)
MET = Weighting(shape="binary")  # the profile that says what a person had to do with at all


@dataclass(frozen=True, kw_only=True)
class Head:
    """mix: (number of the part, weight). temperature: by which scores become log odds, see
    aircue_cloud.recommender.temperature."""

    mix: tuple[tuple[int, float], ...]
    temperature: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What a model is, without its arrays. version is empty until it is stored. trained_at: epoch seconds that the age
    of interactions counts from. metrics: held-out figures by name. trials: everything that was tried. verdict: what the
    check said, in words."""

    engine: str
    trained_at: float
    users: int
    items: int
    interactions: int
    fingerprint: str
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    trials: Mapping[str, Any] = field(default_factory=dict)
    verdict: str = ""
    version: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Artefact:
    """profiles: r_u by weighting, float32, shape (users, items), MET among them. popularity: float32, shape (items,),
    shares of recent interest that sum to 1; floor: that of an item nobody turned to. categories: of the items, "" where
    nobody said. attributes: float32, shape (items, columns of the vocabulary). evidence: purchases under needs.
    reviews: what ratings say of products, in figures."""

    info: ModelInfo
    users: Ids = field(repr=False)
    items: Ids = field(repr=False)
    parts: tuple[Part, ...] = field(repr=False)
    heads: Mapping[str, Head]
    profiles: Mapping[Weighting, csr_array] = field(repr=False)
    popularity: npt.NDArray[np.float32] = field(repr=False)
    floor: float
    categories: tuple[str, ...] = field(repr=False)
    vocabulary: Vocabulary = field(default_factory=Vocabulary, repr=False)
    attributes: npt.NDArray[np.float32] | None = field(default=None, repr=False)
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)
    reviews: tuple[Summary, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """What is stored is whole: ValueError names what is missing."""
        for name in HEADS:
            if name not in self.heads:
                raise ValueError(f"a model without the head {name!r}")
        for weighting in {MET, *(weighting for part in self.parts for weighting in part.weightings)}:
            if weighting not in self.profiles:
                raise ValueError(f"a model without the profile of {weighting}")
        for number, part in enumerate(self.parts):
            if not all(_place(one, self.parts[:number]) is not None for one in part.over):
                raise ValueError(f"part {number} looks at a part that does not stand before it")

    def without(self, users: frozenset[str]) -> "Artefact":
        """The same model for everybody else: who it was learnt from is in its items' arrays as a sum alone."""
        kept = [row for row, user in enumerate(self.users) if user not in users]
        return replace(
            self,
            info=replace(self.info, users=len(kept), version=""),
            users=tuple(self.users[row] for row in kept),
            parts=_of_users(self.parts, kept),
            profiles={weighting: profile[kept] for weighting, profile in self.profiles.items()},
        )

    def file(self) -> FactorFile:
        weightings = list(self.profiles)
        arrays = {**ids_to_arrays("users", self.users), **ids_to_arrays("items", self.items)}
        arrays |= {"popularity": self.popularity, **self._category_arrays()}
        for number, weighting in enumerate(weightings):
            arrays |= parts.csr_to_arrays(f"profile{number}", self.profiles[weighting])
        for number, part in enumerate(self.parts):
            arrays |= {f"part{number}.{name}": array for name, array in part.arrays().items()}
        return FactorFile(header=self._header(weightings), arrays=arrays)

    def _category_arrays(self) -> dict[str, Array]:
        places = {name: place for place, name in enumerate(self._category_names())}
        numbers = np.array([places[name] for name in self.categories], dtype=np.int32)
        return {"categories": numbers, "attributes": self._attributes()}

    def _category_names(self) -> list[str]:
        return sorted(set(self.categories))

    def _attributes(self) -> npt.NDArray[np.float32]:
        empty = np.zeros((len(self.items), len(self.vocabulary.columns)), dtype=np.float32)
        return empty if self.attributes is None else self.attributes

    def _header(self, weightings: Sequence[Weighting]) -> dict[str, Any]:
        info = {name: value for name, value in asdict(self.info).items() if name != "version"}
        return {
            "info": info,
            "profiles": [asdict(weighting) for weighting in weightings],
            "parts": [{**self._part_header(part), "profile": weightings.index(part.weighting)} for part in self.parts],
            "heads": {name: asdict(head) for name, head in self.heads.items()},
            "floor": self.floor,
            "categories": self._category_names(),
            "vocabulary": self.vocabulary.as_json(),
            "evidence": [asdict(one) for one in self.evidence],
            "reviews": [asdict(one) for one in self.reviews],
        }

    def _part_header(self, part: Part) -> dict[str, Any]:
        over = {"over": [_place(one, self.parts) for one in part.over]} if part.over else {}
        return {**part.header(), **over}


def _place(part: Part, among: Sequence[Part]) -> int | None:
    return next((place for place, one in enumerate(among) if one is part), None)


def _of_users(of: Sequence[Part], rows: Sequence[int]) -> tuple[Part, ...]:
    cut: dict[int, Part] = {}
    for part in of:
        cut[id(part)] = part.of_users(rows, [cut[id(one)] for one in part.over])
    return tuple(cut[id(part)] for part in of)


def info_of(header: Mapping[str, Any], version: str) -> ModelInfo:
    return ModelInfo(**header["info"], version=version)


def of_file(file: FactorFile, version: str) -> Artefact:
    """KeyError, TypeError or ValueError where header and arrays are not those of a model."""
    header, arrays = file.header, file.arrays
    users, items = ids_of("users", arrays), ids_of("items", arrays)
    shape = len(users), len(items)
    weightings = [Weighting(**said) for said in header["profiles"]]
    profiles = {one: parts.csr_of(f"profile{number}", arrays, shape) for number, one in enumerate(weightings)}
    read: list[Part] = []
    for number, said in enumerate(header["parts"]):
        of_part = _under(f"part{number}.", arrays)
        over = [read[_before(place, number)] for place in said.get("over", ())]
        read.append(part_kinds.of_arrays(said, weightings[said["profile"]], of_part, shape, over))
    return Artefact(
        info=info_of(header, version),
        users=users,
        items=items,
        parts=tuple(read),
        heads={name: _head(said, len(read)) for name, said in header["heads"].items()},
        profiles=profiles,
        popularity=_popularity(arrays["popularity"], len(items)),
        floor=float(header["floor"]),
        categories=tuple(header["categories"][number] for number in arrays["categories"].tolist()),
        vocabulary=Vocabulary.of_json(header["vocabulary"]),
        attributes=arrays["attributes"],
        evidence=tuple(Evidence(**one) for one in header["evidence"]),
        reviews=tuple(_review(one) for one in header.get("reviews", ())),
    )


def _review(said: Mapping[str, Any]) -> Summary:
    return Summary(**{**said, "aspects": tuple(Aspect(**one) for one in said["aspects"])})


def _before(place: int, number: int) -> int:
    if not 0 <= place < number:
        raise ValueError(f"part {number} looks at part {place}, which does not stand before it")
    return place


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _head(said: Mapping[str, Any], parts_there: int) -> Head:
    mix = tuple((int(number), float(weight)) for number, weight in said["mix"])
    if not all(0 <= number < parts_there for number, _ in mix):
        raise ValueError(f"a head mixes parts {mix}, there are {parts_there}")
    return Head(mix=mix, temperature=float(said["temperature"]))


def _popularity(shares: Array, items: int) -> npt.NDArray[np.float32]:
    if shares.shape != (items,) or not (shares > 0).all():
        raise ValueError(f"popularity is no share over 0 for each of {items} items")
    return shares
