"""Every table, one room a file."""

from aircue_cloud.tables.base import batches, refused, tallies
from aircue_cloud.tables.columns import metadata
from aircue_cloud.tables.followed import counters, feed
from aircue_cloud.tables.homes import consents, households, people, sites
from aircue_cloud.tables.middle import delivered, hourly, lake, lake_files, losses, node_state, retention, revisions
from aircue_cloud.tables.needs import episodes, rule_states
from aircue_cloud.tables.pushes import decisions, pushes
from aircue_cloud.tables.senders import gateways
from aircue_cloud.tables.shop import interactions, products

__all__ = [
    "batches",
    "consents",
    "counters",
    "decisions",
    "delivered",
    "episodes",
    "feed",
    "gateways",
    "hourly",
    "households",
    "interactions",
    "lake",
    "lake_files",
    "losses",
    "metadata",
    "node_state",
    "people",
    "products",
    "pushes",
    "refused",
    "retention",
    "revisions",
    "rule_states",
    "sites",
    "tallies",
]
