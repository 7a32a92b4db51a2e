"""The web application: everything is built and put together here."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, redirect
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from aircue_cloud import db, problems, stores, web
from aircue_cloud.config import Config, Place, make_folder
from aircue_cloud.db import MAIN
from aircue_cloud.decision.active_model import ActiveModel
from aircue_cloud.decision.affinity import AffinitySource
from aircue_cloud.decision.decisions import Decider
from aircue_cloud.errors import SettingsError
from aircue_cloud.identity import operators
from aircue_cloud.ingest.intake import Intake
from aircue_cloud.ingest.uploads import Uploads
from aircue_cloud.layers.lake import Lake
from aircue_cloud.layers.upkeep import Upkeep
from aircue_cloud.layers.worker import Worker
from aircue_cloud.needs import needs
from aircue_cloud.objects import FolderStore, ObjectStore
from aircue_cloud.routes import (
    access,
    audit,
    batches,
    browsers,
    decisions,
    enrolments,
    episodes,
    events,
    feed,
    hosts,
    households,
    limits,
    observations,
    openapi,
    people,
    preferences,
    products,
    readings,
    recommendations,
    rights,
    rules,
    sites,
    status,
    uploads,
    weather,
    why,
)
from aircue_cloud.routes import services as built
from aircue_cloud.routes.services import Services
from aircue_cloud.s3 import S3Store
from aircue_cloud.stores import Stores

ROUTES = (
    audit,
    batches,
    decisions,
    enrolments,
    episodes,
    events,
    feed,
    households,
    observations,
    openapi,
    people,
    preferences,
    products,
    readings,
    recommendations,
    rights,
    rules,
    sites,
    status,
    uploads,
    weather,
    why,
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    config: Config, *, affinity: AffinitySource | None = None, clock: Callable[[], datetime] = _utc_now
) -> Flask:
    """affinity: the active model of each store unless given. SettingsError where it may not serve."""
    app = Flask(__name__, static_folder=None)
    app.wsgi_app = _behind(config.trusted_proxies, app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way
    app.config["MAX_CONTENT_LENGTH"] = config.max_batch_bytes
    opened = Stores(config, lambda place: _services(config, place, affinity, clock))
    _check_somebody_may_sign_in(config, opened.get(MAIN).engine)
    built.register(app.extensions, opened, config)
    problems.register(app)
    hosts.register(app, config)
    browsers.register(app)
    limits.register(app)
    audit.register(app)
    access.register(app)
    for route in ROUTES:
        app.register_blueprint(route.blueprint)
    web.register(app)
    app.add_url_rule("/", "home", _home)
    return app


def _behind(proxies: int, application: Any) -> Any:
    """Believes this many proxies what they say of the client's address, the scheme and the host."""
    if not proxies:
        return application
    return ProxyFix(application, x_for=proxies, x_proto=proxies, x_host=proxies)


def _check_somebody_may_sign_in(config: Config, engine: Engine) -> None:
    if config.is_private:
        return
    with db.reading(engine) as connection:
        if not operators.are_there(connection):
            raise SettingsError(
                f"host {config.host!r} can be reached from elsewhere, and nobody could sign in: add an operator with: "
                "aircue-cloud operator add NAME --role owner"
            )


def _services(config: Config, place: Place, affinity: AffinitySource | None, clock: Callable[[], datetime]) -> Services:
    objects = open_objects(config, place)
    layers = open_layers(config, place, objects, affinity, clock)
    intake = Intake(engine=layers.engine, objects=objects, needs=layers.needs, clock=clock, announce=layers.announce)
    uploads = Uploads(intake=intake, store=objects, url_s=config.upload_url_s) if isinstance(objects, S3Store) else None
    return Services(
        place=place,
        engine=layers.engine,
        needs=layers.needs,
        intake=intake,
        uploads=uploads,
        lake=layers.lake,
        layers=layers,
        background=(layers, Upkeep(layers.engine, layers.lake)),
    )


def open_layers(
    config: Config,
    place: Place,
    objects: ObjectStore,
    affinity: AffinitySource | None = None,
    clock: Callable[[], datetime] = _utc_now,
) -> Worker:
    """What derives a store's layers from its base layer."""
    engine = stores.open_database(place)
    source = ActiveModel(place.model_dir) if affinity is None else affinity
    source.current()  # now, so that no push waits for it
    decider = Decider(needs=needs.load(), source=source, settings=config.pushes)
    return Worker(engine, Lake(objects), decider, clock)


def open_intake(place: Place, objects: ObjectStore, clock: Callable[[], datetime] = _utc_now) -> Intake:
    """What takes batches into a store, whichever way they come."""
    return Intake(engine=stores.open_database(place), objects=objects, needs=needs.load(), clock=clock)


def open_objects(config: Config, place: Place) -> FolderStore | S3Store:
    if config.s3_bucket:
        return S3Store.open(config.s3_bucket, config.s3_endpoint_url, config.s3_region, place.object_prefix)
    make_folder(place)
    return FolderStore(place.objects_dir)


@access.public
def _home() -> Response:
    return redirect("/console")  # type: ignore[return-value]  # a werkzeug response; Flask serves both
