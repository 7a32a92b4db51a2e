"""Every table, one room a file."""

from aircue_cloud.tables.access import audit, codes, keys, operators, recovery_codes, sessions, windows
from aircue_cloud.tables.associations import association_runs, associations, bundle_exposures
from aircue_cloud.tables.base import batches, refused, tallies
from aircue_cloud.tables.columns import metadata
from aircue_cloud.tables.deliveries import addresses, answers, attempts, outbox
from aircue_cloud.tables.followed import counters, feed
from aircue_cloud.tables.homes import consents, households, people, sites
from aircue_cloud.tables.learnt import learnt
from aircue_cloud.tables.middle import delivered, hourly, lake, lake_files, losses, node_state, retention, revisions
from aircue_cloud.tables.needs import episodes, need_versions, rule_states
from aircue_cloud.tables.orders import callbacks, order_events, order_lines, orders, payments
from aircue_cloud.tables.outcomes import assignments
from aircue_cloud.tables.parcels import parcel_events, parcels
from aircue_cloud.tables.partners import feeds, heard_partners, offers, partners, told_partners
from aircue_cloud.tables.preferences import preferences, switches
from aircue_cloud.tables.pushes import decisions, pushes
from aircue_cloud.tables.reports import reports
from aircue_cloud.tables.rights import erasures, forgotten_sites
from aircue_cloud.tables.segments import audience_versions, segment_runs, segment_snapshots
from aircue_cloud.tables.senders import gateways
from aircue_cloud.tables.shop import interactions, products
from aircue_cloud.tables.storefront import cart_lines, favourites, inbox_reads
from aircue_cloud.tables.support import article_versions, conversations, messages
from aircue_cloud.tables.surroundings import observations, weather, weather_requests

__all__ = [
    "addresses",
    "answers",
    "article_versions",
    "assignments",
    "association_runs",
    "associations",
    "attempts",
    "audience_versions",
    "audit",
    "batches",
    "bundle_exposures",
    "callbacks",
    "cart_lines",
    "codes",
    "consents",
    "conversations",
    "counters",
    "decisions",
    "delivered",
    "episodes",
    "erasures",
    "favourites",
    "feed",
    "feeds",
    "forgotten_sites",
    "gateways",
    "heard_partners",
    "hourly",
    "households",
    "inbox_reads",
    "interactions",
    "keys",
    "lake",
    "lake_files",
    "learnt",
    "losses",
    "messages",
    "metadata",
    "need_versions",
    "node_state",
    "observations",
    "offers",
    "operators",
    "order_events",
    "order_lines",
    "orders",
    "outbox",
    "parcel_events",
    "parcels",
    "partners",
    "payments",
    "people",
    "preferences",
    "products",
    "pushes",
    "recovery_codes",
    "refused",
    "reports",
    "retention",
    "revisions",
    "rule_states",
    "segment_runs",
    "segment_snapshots",
    "sessions",
    "sites",
    "switches",
    "tallies",
    "told_partners",
    "weather",
    "weather_requests",
    "windows",
]
