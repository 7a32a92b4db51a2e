"""The console's pages, one a file. A new one is named here, and in the menu (web/navigation.py)."""

from flask import Flask

from aircue_cloud.web.pages import catalogue, search

PAGES = (catalogue, search)


def register(app: Flask) -> None:
    for page in PAGES:
        app.register_blueprint(page.blueprint)
