"""The web application: everything is built and put together here."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask, Response, redirect

from aircue_cloud import db, problems, web
from aircue_cloud.config import Config, is_loopback, make_folder
from aircue_cloud.decision.active_model import ActiveModel
from aircue_cloud.decision.affinity import AffinitySource
from aircue_cloud.errors import SettingsError
from aircue_cloud.ingest.intake import Intake
from aircue_cloud.ingest.uploads import Uploads
from aircue_cloud.layers.lake import Lake
from aircue_cloud.layers.worker import Worker
from aircue_cloud.needs import needs
from aircue_cloud.objects import FolderStore, ObjectStore
from aircue_cloud.routes import batches, decisions, episodes, feed, hosts, households, readings, rules, status, uploads
from aircue_cloud.routes import services as built
from aircue_cloud.routes.services import Services
from aircue_cloud.s3 import S3Store

ROUTES = (batches, decisions, episodes, feed, households, readings, rules, status, uploads)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    config: Config, *, affinity: AffinitySource | None = None, clock: Callable[[], datetime] = _utc_now
) -> Flask:
    """affinity: the active model in the data folder unless given. SettingsError where it may not serve."""
    if not is_loopback(config.host):
        raise SettingsError(f"host {config.host!r} is no loopback address, and there is no sign-in yet")
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.max_batch_bytes
    built.register(app.extensions, _services(config, affinity, clock))
    problems.register(app)
    hosts.register(app)
    for route in ROUTES:
        app.register_blueprint(route.blueprint)
    web.register(app)
    app.add_url_rule("/", "home", _home)
    return app


def _services(config: Config, affinity: AffinitySource | None, clock: Callable[[], datetime]) -> Services:
    objects = open_objects(config)
    layers = open_layers(config, objects, affinity, clock)
    intake = Intake(engine=layers.engine, objects=objects, needs=layers.needs, clock=clock, announce=layers.announce)
    uploads = Uploads(intake=intake, store=objects, url_s=config.upload_url_s) if isinstance(objects, S3Store) else None
    return Services(
        engine=layers.engine, needs=layers.needs, intake=intake, uploads=uploads, lake=layers.lake, layers=layers
    )


def open_layers(
    config: Config,
    objects: ObjectStore,
    affinity: AffinitySource | None = None,
    clock: Callable[[], datetime] = _utc_now,
) -> Worker:
    """What derives the layers above from the base layer."""
    make_folder(config)
    engine = db.open_database(config.database)
    source = ActiveModel(config.model_dir) if affinity is None else affinity
    source.current()  # now, so that no push waits for it
    return Worker(engine, Lake(objects), needs.load(), source, clock)


def open_intake(config: Config, objects: ObjectStore, clock: Callable[[], datetime] = _utc_now) -> Intake:
    """What takes batches in, whichever way they come."""
    make_folder(config)
    return Intake(engine=db.open_database(config.database), objects=objects, needs=needs.load(), clock=clock)


def open_objects(config: Config) -> FolderStore | S3Store:
    if config.s3_bucket:
        return S3Store.open(config.s3_bucket, config.s3_endpoint_url, config.s3_region)
    make_folder(config)
    return FolderStore(config.objects_dir)


def _home() -> Response:
    return redirect("/console")  # type: ignore[return-value]  # a werkzeug response; Flask serves both
