"""What each kind of interaction says of how much a person likes a product: the more it costs the person, the more.

The one table for whoever stores an interaction (API, importers, demo) and whoever learns from one. Under 0: a dislike.
"""

from collections.abc import Mapping
from types import MappingProxyType

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "impression": 0.1,
        "view": 0.5,
        "click": 1.0,
        "favourite": 3.0,
        "cart": 4.0,
        "purchase": 8.0,
        "rating": 1.0,
        "dismissal": -1.0,
        "return": -8.0,  # takes back what the purchase said
    }
)
