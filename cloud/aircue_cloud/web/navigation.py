"""The console's pages, as its menu, its search and its keys know them. A new page is a new row."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby

WATCH, SHAPE, MEASURE, KEEP = "Watch", "Shape", "Measure", "Keep"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """endpoint: of the page without arguments. permission: the scope it needs. key: pressed after g it leads there."""

    name: str
    endpoint: str
    permission: str
    key: str
    group: str


ENTRIES = (
    Entry(name="Now", endpoint="console.console", permission="status:read", key="n", group=WATCH),
    Entry(name="Homes", endpoint="console_homes.page", permission="readings:read", key="h", group=WATCH),
    Entry(name="Devices", endpoint="console_devices.page", permission="status:read", key="v", group=WATCH),
    Entry(name="Decisions", endpoint="console_decisions.page", permission="decisions:read", key="d", group=WATCH),
    Entry(name="Orders", endpoint="console_orders.page", permission="orders:read", key="m", group=WATCH),
    Entry(name="Parcels", endpoint="console_parcels.page", permission="parcels:read", key="k", group=WATCH),
    Entry(name="Support", endpoint="console_support.page", permission="support:read", key="q", group=WATCH),
    Entry(name="Needs", endpoint="console_needs.page", permission="needs:read", key="e", group=SHAPE),
    Entry(name="Policy", endpoint="console_policy.page", permission="decisions:read", key="o", group=SHAPE),
    Entry(name="Sales", endpoint="console_sales.page", permission="events:read", key="s", group=MEASURE),
    Entry(name="Effect", endpoint="console_effect.page", permission="events:read", key="f", group=MEASURE),
    Entry(name="Segments", endpoint="console_segments.page", permission="segments:read", key="g", group=MEASURE),
    Entry(name="Bundles", endpoint="console_bundles.page", permission="events:read", key="b", group=MEASURE),
    Entry(name="Experiments", endpoint="console_experiments.page", permission="decisions:read", key="x", group=MEASURE),
    Entry(
        name="Recommender",
        endpoint="console_recommender.page",
        permission="recommendations:read",
        key="r",
        group=MEASURE,
    ),
    Entry(name="Catalogue", endpoint="console_catalogue.page", permission="catalogue:read", key="c", group=KEEP),
    Entry(name="Partners", endpoint="console_partners.page", permission="partners:read", key="t", group=KEEP),
    Entry(name="Audiences", endpoint="console_audiences.page", permission="households:read", key="a", group=KEEP),
    Entry(name="Privacy desk", endpoint="console_privacy.page", permission="rights:read", key="p", group=KEEP),
    Entry(name="Audit log", endpoint="console_audit.page", permission="audit:read", key="l", group=KEEP),
    Entry(name="Users", endpoint="console_users.page", permission="operators:read", key="u", group=KEEP),
)


def allowed(scopes: Collection[str]) -> list[Entry]:
    """What whoever has these scopes may open, in the menu's order."""
    return [entry for entry in ENTRIES if entry.permission in scopes]


def grouped(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    return [(group, list(found)) for group, found in groupby(entries, key=lambda entry: entry.group)]
