"""The models by name, each as it stands before anybody tuned it. Another model is a file and a row here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.als import Als
from aircue_cloud.recommender.models.bpr import Bpr
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.ease import Ease
from aircue_cloud.recommender.models.item_knn import ItemKnn
from aircue_cloud.recommender.models.own_frequency import OwnFrequency
from aircue_cloud.recommender.models.popularity import Popularity
from aircue_cloud.recommender.models.rp3beta import Rp3Beta
from aircue_cloud.recommender.models.svd import Svd

_LATELY = Weighting(half_life_d=30, shape="sqrt")

POPULARITY = "popularity"
MODELS: Mapping[str, Callable[[], Model]] = MappingProxyType(
    {
        POPULARITY: Popularity,
        "recent-popularity": lambda: Popularity(Weighting(half_life_d=30)),
        "item-knn": ItemKnn,
        "svd": Svd,
        "als": Als,
        "bpr": Bpr,
        "ease": lambda: Ease(l2=50.0, weighting=_LATELY),
        "rp3beta": lambda: Rp3Beta(k=500, alpha=0.7, beta=0.4, weighting=_LATELY),
        "own-frequency": lambda: OwnFrequency(Weighting(half_life_d=60)),
    }
)
