"""The web application: everything is built and put together here."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import urllib3
from flask import Flask
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from aircue_cloud import db, problems, storefront, stores, web
from aircue_cloud.config import Config, Place, make_folder
from aircue_cloud.db import MAIN
from aircue_cloud.decision import recommending
from aircue_cloud.decision.active_model import ActiveModel
from aircue_cloud.decision.affinity import Affinity, AffinitySource
from aircue_cloud.decision.decisions import Decider
from aircue_cloud.delivery import addresses as addressed
from aircue_cloud.delivery import opening, outbox, switched_on
from aircue_cloud.delivery.endpoints import Gate
from aircue_cloud.delivery.live import Waiting
from aircue_cloud.errors import SettingsError
from aircue_cloud.identity import operators, sealing
from aircue_cloud.ingest.intake import Intake
from aircue_cloud.ingest.uploads import Uploads
from aircue_cloud.layers.lake import Lake
from aircue_cloud.layers.upkeep import Upkeep
from aircue_cloud.layers.worker import Worker
from aircue_cloud.logistics.moving import Moving
from aircue_cloud.needs import needs
from aircue_cloud.needs.live import Live
from aircue_cloud.objects import FolderStore, ObjectStore
from aircue_cloud.orders.reconciling import Reconciler
from aircue_cloud.outcomes.learning import Learning
from aircue_cloud.outcomes.report import Terms
from aircue_cloud.partners.telling import Telling
from aircue_cloud.payment import sandbox
from aircue_cloud.payment import switched_on as paying
from aircue_cloud.payment.outgoing import Outgoing
from aircue_cloud.payment.switched_on import Payments
from aircue_cloud.routes import (
    access,
    addresses,
    associations,
    audit,
    batches,
    browsers,
    callbacks,
    decisions,
    effect,
    enrolments,
    episodes,
    events,
    feed,
    hosts,
    households,
    inbox,
    lifts,
    limits,
    needs_of_store,
    observations,
    openapi,
    orders,
    parcels,
    partners,
    people,
    personalisation,
    preferences,
    products,
    readings,
    recommendations,
    reports,
    rights,
    rules,
    segments,
    sites,
    status,
    support,
    uploads,
    weather,
    why,
)
from aircue_cloud.routes import services as built
from aircue_cloud.routes.services import Services
from aircue_cloud.s3 import S3Store
from aircue_cloud.segments.upkeep import TaughtUpkeep
from aircue_cloud.stores import Background, Stores
from aircue_cloud.support import adapter
from aircue_cloud.support.answering import Answering
from aircue_cloud.support.asking import Support
from aircue_cloud.triggers.turn import Turn
from aircue_cloud.weather import open_meteo
from aircue_cloud.weather.upkeep import WeatherUpkeep

ROUTES = (
    addresses,
    associations,
    audit,
    batches,
    callbacks,
    decisions,
    enrolments,
    episodes,
    events,
    feed,
    households,
    inbox,
    effect,
    lifts,
    needs_of_store,
    observations,
    openapi,
    orders,
    parcels,
    partners,
    people,
    personalisation,
    preferences,
    products,
    readings,
    recommendations,
    reports,
    rights,
    rules,
    segments,
    sites,
    status,
    support,
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
    problems.register(app, (web.refusal, storefront.refusal))
    hosts.register(app, config)
    browsers.register(app)
    limits.register(app)
    audit.register(app)
    access.register(app)
    for route in ROUTES:
        app.register_blueprint(route.blueprint)
    web.register(app)
    storefront.register(app, config)
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
    _seal_secrets(config, layers.engine)
    live = layers.live
    intake = Intake(engine=layers.engine, objects=objects, live=live, clock=clock, announce=layers.announce)
    uploads = Uploads(intake=intake, store=objects, url_s=config.upload_url_s) if isinstance(objects, S3Store) else None
    said, links = switched_on.settings(config), opening.links(config, place)
    channels = switched_on.open_channels(config, place)
    payments = paying.open_payments(config, place, Outgoing(), clock)
    # Without channels it still sees to what was deferred.
    delivered = channels if said.in_server else {}
    deliverer = opening.deliverer(config, layers.engine, delivered, links, clock, layers.decide_due)
    return Services(
        place=place,
        engine=layers.engine,
        live=live,
        intake=intake,
        uploads=uploads,
        lake=layers.lake,
        layers=layers,
        channels=channels,
        links=links,
        support=Support(
            engine=layers.engine, answering=Answering(), detector=adapter.opened(config.support, place.store)
        ),
        waiting=Waiting(max(1, config.threads // 4) if said.waiting is None else said.waiting),
        payments=payments,
        background=(
            layers,
            Upkeep(layers.engine, layers.lake),
            *_weather(config, layers.engine, clock),
            Turn(layers, clock),
            Learning(layers.engine, lambda: layers.needs, _terms(config), clock),
            Moving(layers.engine, clock),
            Telling(layers.engine, Gate(), lambda: sealing.load(config.secret_key), clock),
            deliverer,
            TaughtUpkeep(layers.engine, clock),
            *_payments(payments, layers.engine, clock),
        ),
    )


def _payments(payments: Payments, engine: Engine, clock: Callable[[], datetime]) -> list[Background]:
    """The sandbox's courier goes on as long as there is a sandbox; a store that reconciles by a command alone has no
    reconciler."""
    every = payments.settings.reconcile_s
    found: list[Background] = [Reconciler(engine, payments.providers, clock, every)] if every else []
    return found + [sandbox.Courier(one) for one in payments.providers.values() if isinstance(one, sandbox.Sandbox)]


def _terms(config: Config) -> Callable[[datetime], Terms]:
    """Of what is learnt from the store's own experiments."""
    return lambda now: Terms(now=now, holdout=config.holdout, need_holdout=config.need_holdout)


def _seal_secrets(config: Config, engine: Engine) -> None:
    """Those of a time before they were sealed."""
    box = sealing.load(config.secret_key)
    with db.reading(engine) as connection:
        waiting = operators.secrets_wait(connection, box)
    if waiting:
        with db.writing(engine) as connection:
            operators.seal_secrets(connection, box)


def _weather(config: Config, engine: Engine, clock: Callable[[], datetime]) -> tuple[Background, ...]:
    if config.weather == "off":
        return ()
    http = urllib3.PoolManager()
    sources = (
        open_meteo.forecast(http, config.weather_forecast_url or open_meteo.FORECAST_URL),
        open_meteo.archive(http, config.weather_archive_url or open_meteo.ARCHIVE_URL),
    )
    return (WeatherUpkeep(engine, sources, clock),)


def open_layers(
    config: Config,
    place: Place,
    objects: ObjectStore,
    affinity: AffinitySource | None = None,
    clock: Callable[[], datetime] = _utc_now,
) -> Worker:
    """What derives a store's layers from its base layer."""
    engine = stores.open_database(place)
    source = affinity
    if source is None:
        source = ActiveModel(place.model_dir, _rehearsal(engine, clock), config.graph_from_items)
    source.current()  # now, so that neither a push nor a request waits for it
    live = Live(engine, needs.load())
    decider = Decider(
        needs=live.current(),
        source=source,
        settings=config.pushes,
        hand_over=outbox.enqueue_all,
        reach=partial(addressed.reachable, switched_on.names(config)),
    )
    return Worker(engine, Lake(objects), decider, clock, live)


def _rehearsal(engine: Engine, clock: Callable[[], datetime]) -> Callable[[Affinity], None]:
    def rehearse(model: Affinity) -> None:
        with db.reading(engine) as connection:
            recommending.rehearse(connection, model, clock())

    return rehearse


def open_intake(place: Place, objects: ObjectStore, clock: Callable[[], datetime] = _utc_now) -> Intake:
    """What takes batches into a store, whichever way they come."""
    engine = stores.open_database(place)
    return Intake(engine=engine, objects=objects, live=Live(engine, needs.load()), clock=clock)


def open_objects(config: Config, place: Place) -> FolderStore | S3Store:
    if config.s3_bucket:
        return S3Store.open(config.s3_bucket, config.s3_endpoint_url, config.s3_region, place.object_prefix)
    make_folder(place)
    return FolderStore(place.objects_dir)
