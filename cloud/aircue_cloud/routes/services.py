"""What the routes work with; built once by create_app and kept with the app."""

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import Engine

from aircue_cloud.ingest.intake import Intake
from aircue_cloud.ingest.uploads import Uploads
from aircue_cloud.layers.lake import Lake
from aircue_cloud.layers.worker import Worker
from aircue_cloud.needs.needs import Needs

_KEY = "aircue"


@dataclass(frozen=True, kw_only=True)
class Services:
    engine: Engine
    needs: Needs
    intake: Intake
    uploads: Uploads | None  # None where no store takes them
    lake: Lake
    layers: Worker


def services() -> Services:
    found: Services = current_app.extensions[_KEY]
    return found


def register(extensions: dict[str, object], built: Services) -> None:
    extensions[_KEY] = built
