"""The console's pages, one a file. A new one is named here, and in the menu (web/navigation.py)."""

from flask import Flask

from aircue_cloud.web.pages import catalogue, experiments, needs, policy, recommender, sales, search

PAGES = (catalogue, search, needs, policy, sales, experiments, recommender)


def register(app: Flask) -> None:
    for page in PAGES:
        app.register_blueprint(page.blueprint)
