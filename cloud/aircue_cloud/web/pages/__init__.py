"""The console's pages, one a file. A new one is named here, and in the menu (web/navigation.py)."""

from flask import Flask

from aircue_cloud.web.pages import (
    audiences,
    audit_log,
    bundles,
    catalogue,
    decisions,
    devices,
    effect,
    experiments,
    homes,
    needs,
    new_need,
    orders,
    parcels,
    partners,
    policy,
    privacy,
    recommender,
    sales,
    search,
    segments,
    support,
    switch,
    users,
)

PAGES = (
    audiences,
    audit_log,
    bundles,
    catalogue,
    decisions,
    devices,
    effect,
    experiments,
    homes,
    needs,
    new_need,
    orders,
    parcels,
    partners,
    policy,
    privacy,
    recommender,
    sales,
    search,
    segments,
    support,
    switch,
    users,
)


def register(app: Flask) -> None:
    for page in PAGES:
        app.register_blueprint(page.blueprint)
