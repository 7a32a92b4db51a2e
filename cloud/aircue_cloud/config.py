"""The configuration of the cloud: one TOML file, read once at start."""

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from aircue_cloud import db
from aircue_cloud.decision import local_time
from aircue_cloud.decision import settings as pushing
from aircue_cloud.decision.local_time import Window
from aircue_cloud.errors import SettingsError
from aircue_cloud.logistics import callbacks
from aircue_cloud.rights.receipts import Controller
from aircue_cloud.settings import build, load_toml

DIALECTS = ("postgresql",)
SIGN_IN = ("auto", "off")
WEATHER = ("off", "open-meteo")
ENVIRONMENTS = ("development", "production")
STORE_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the things of one store lie. database: a URL; on PostgreSQL the store is a schema of its own there."""

    store: str
    folder: Path
    database: str

    @property
    def objects_dir(self) -> Path:
        return self.folder / "objects"

    @property
    def object_prefix(self) -> str:
        """In a bucket, which all stores share."""
        return f"stores/{self.store}/"

    @property
    def model_dir(self) -> Path:
        return self.folder / "models"


@dataclass(frozen=True, kw_only=True)
class Config:
    """port 0: a free one. database_url: SQLite in data_dir unless given. data_dir counts from the file's folder.
    s3_bucket: objects are kept there instead of in data_dir; s3_endpoint_url: of a store that is not Amazon's.
    upload_url_s: how long a gateway may use the URL of an upload. public_url: what people call this server, where more
    than this machine reaches it. trusted_proxies: how many stand in front of it. sign_in: auto, needed as soon as there
    is an operator or anybody else can reach this server; or off, for loopback alone. requests_per_minute: of each
    partner's or node's key. controller, controller_contact, privacy_url, jurisdiction: who answers for the data, as
    receipts name them. graph_from_items: how many products a model has at least whose factors are searched by a graph,
    nearly instead of exactly; 0: none. secret_file: the keys of the secrets in the database; secret.key in data_dir
    unless given, and counts from the file's folder like data_dir. weather: off, or open-meteo for a server that asks
    for it by itself; at its own URLs unless given. environment: development, or
    production, where nothing that only plays a part starts.

    push_ttl_h: how old an episode may be that still leads to a push; linger_h: how long an offer stands after its
    condition has cleared. quiet_hours: of people who say nothing else, by their own clock, "" for none;
    widest_quiet_hours: of those whose time zone nobody knows, by timezone. cap_day, cap_week, cap_apart_h: marketing
    pushes to one person at most, and hours between two. holdout, need_holdout: shares of the households that are sent
    nothing, and nothing about one need, so that the difference can be seen. explore: whether offers are drawn, so that
    it can be learnt which help, or the best is always made. language: of people who say nothing else. delivery: how
    pushes reach people beside the inbox, a table for each channel (delivery/switched_on.py). payment: how shoppers
    pay, a table for each provider (payment/switched_on.py). storefront: the shop's own pages, on unless it says
    otherwise. carriers: who may call back with what became of parcels, a table for each (logistics/callbacks.py).
    support: a service outside that reads what shoppers ask, a table for each store (support/adapter.py)."""

    host: str = "127.0.0.1"
    port: int = 8400
    data_dir: str = "aircue-cloud-data"
    database_url: str = ""
    max_batch_bytes: int = 8 * 1024 * 1024
    threads: int = 8
    s3_bucket: str = ""
    s3_endpoint_url: str = ""
    s3_region: str = "us-east-1"
    upload_url_s: int = 300
    public_url: str = ""
    trusted_proxies: int = 0
    sign_in: str = "auto"
    push_ttl_h: int = 24
    linger_h: int = 0
    quiet_hours: str = pushing.QUIET_HOURS
    widest_quiet_hours: str = pushing.WIDEST_QUIET_HOURS
    timezone: str = local_time.UNSAID
    cap_day: int = 1
    cap_week: int = 3
    cap_apart_h: float = 20.0
    holdout: float = pushing.Settings.holdout
    need_holdout: float = pushing.Settings.need_holdout
    explore: bool = True
    language: str = "en"
    requests_per_minute: int = 1200
    graph_from_items: int = 0
    controller: str = Controller.name
    controller_contact: str = ""
    privacy_url: str = ""
    jurisdiction: str = Controller.jurisdiction
    secret_file: str = ""
    weather: str = "off"
    weather_forecast_url: str = ""
    weather_archive_url: str = ""
    environment: str = "development"
    delivery: dict[str, Any] = field(default_factory=dict)
    payment: dict[str, Any] = field(default_factory=dict)
    storefront: dict[str, Any] = field(default_factory=dict)
    support: dict[str, Any] = field(default_factory=dict)
    carriers: dict[str, Any] = field(default_factory=dict)

    @property
    def has_storefront(self) -> bool:
        return bool(self.storefront.get("on", True))

    @property
    def secret_key(self) -> Path:
        """The file of the keys that secrets in the database lie under."""
        return Path(self.secret_file) if self.secret_file else self.folder / "secret.key"

    @property
    def base_url(self) -> str:
        """What links that leave this server begin with."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def answers(self) -> Controller:
        return Controller(
            name=self.controller,
            contact=self.controller_contact,
            policy_url=self.privacy_url,
            jurisdiction=self.jurisdiction,
        )

    @property
    def pushes(self) -> pushing.Settings:
        return pushing.Settings(
            push_ttl=timedelta(hours=self.push_ttl_h),
            linger=timedelta(hours=self.linger_h),
            quiet_hours=self.quiet_hours,
            widest_quiet_hours=self.widest_quiet_hours,
            timezone=self.timezone,
            caps=pushing.Caps(day=self.cap_day, week=self.cap_week, apart_h=self.cap_apart_h),
            holdout=self.holdout,
            need_holdout=self.need_holdout,
            explore=self.explore,
            language=self.language,
        )

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine reaches the server."""
        return is_loopback(self.host) and not self.public_url and not self.trusted_proxies

    @property
    def folder(self) -> Path:
        return Path(self.data_dir)

    @property
    def stores_dir(self) -> Path:
        return self.folder / "stores"

    def place(self, store: str) -> Place:
        """SettingsError where this is no name of a store."""
        if not STORE_NAME.fullmatch(store):
            raise SettingsError(f"store {store!r:.50}: expected up to 31 letters a-z, digits and _, a letter first")
        folder = self.stores_dir / store
        return Place(store=store, folder=folder, database=self.database_url or db.sqlite_url(str(folder / "aircue.db")))


def make_folder(place: Place) -> None:
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_dir: {place.folder} cannot be made: {error.strerror}; set another one") from error


def load(path: Path) -> Config:
    """SettingsError where the file, a key or a value is not what it should be."""
    config = build(Config, {"data_dir": Config.data_dir} | load_toml(path), str(path))
    here = path.absolute().parent
    places = {name: str(here / getattr(config, name)) for name in ("data_dir", "secret_file") if getattr(config, name)}
    config = Config(**{**vars(config), **places})
    _check_ranges(config, str(path))
    _check_reach(config, str(path))
    _check_database(config.database_url, str(path))
    _check_endpoint(config.s3_endpoint_url, str(path))
    _check_weather(config, str(path))
    _check_quiet(config, str(path))
    _check_environment(config, str(path))
    build(_Storefront, config.storefront, f"{path} [storefront]")
    callbacks.secrets(config.carriers, str(path))
    return config


@dataclass(frozen=True, kw_only=True)
class _Storefront:
    """[storefront]. on: whether the shop's own pages are served."""

    on: bool = True


_RANGES = (
    ("port", 0, 65535),
    ("threads", 1, 256),
    ("max_batch_bytes", 1024, 64 * 1024 * 1024),
    ("upload_url_s", 10, 3600),
    ("trusted_proxies", 0, 8),
    ("push_ttl_h", 1, 24 * 365 * 100),
    ("linger_h", 0, 24 * 365 * 100),
    ("cap_day", 0, 1000),
    ("cap_week", 0, 1000),
    ("cap_apart_h", 0, 8760),
    ("holdout", 0, 1),
    ("need_holdout", 0, 1),
    ("requests_per_minute", 1, 1_000_000),
    ("graph_from_items", 0, 1_000_000_000),
)


def _check_ranges(config: Config, where: str) -> None:
    for key, low, high in _RANGES:
        value = getattr(config, key)
        if not low <= value <= high:
            raise SettingsError(f"{where}: key {key!r} is {value}, expected {low} to {high}")


def _check_quiet(config: Config, where: str) -> None:
    for key in ("quiet_hours", "widest_quiet_hours"):
        try:
            Window.read(getattr(config, key))
        except ValueError as error:
            raise SettingsError(f"{where}: key {key!r}: {error}") from error
    if local_time.zone(config.timezone) is None:
        expected = "a time zone of the IANA database, such as Europe/Berlin"
        raise SettingsError(f"{where}: key 'timezone' is {config.timezone!r}, expected {expected}")


def _check_environment(config: Config, where: str) -> None:
    if config.environment not in ENVIRONMENTS:
        found, known = config.environment, ", ".join(ENVIRONMENTS)
        raise SettingsError(f"{where}: key 'environment' is {found!r}, expected one of {known}")


def _check_reach(config: Config, where: str) -> None:
    """Who can reach this server must sign in, and must call it by its name."""
    if config.sign_in not in SIGN_IN:
        raise SettingsError(f"{where}: key 'sign_in' is {config.sign_in!r}, expected one of {', '.join(SIGN_IN)}")
    if config.sign_in == "off" and not config.is_private:
        raise SettingsError(
            f"{where}: key 'sign_in' is 'off', which is for host 127.0.0.1, ::1 or localhost without public_url and "
            "trusted_proxies: whoever reached this server could read every household's data"
        )
    if config.public_url and not is_base_url(config.public_url):
        raise SettingsError(f"{where}: key 'public_url' is {config.public_url!r}, expected http(s)://HOST or HOST:PORT")
    if not config.is_private and not config.public_url:
        raise SettingsError(
            f"{where}: key 'public_url' is missing: host {config.host!r} with {config.trusted_proxies} trusted proxies "
            "can be reached from elsewhere, so say what people call this server, such as https://air.example"
        )


def is_base_url(url: str) -> bool:
    """http(s)://HOST[:PORT] and nothing behind it."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and url == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_endpoint(url: str, where: str) -> None:
    if url and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc):
        raise SettingsError(f"{where}: key 's3_endpoint_url' is {url!r}, expected http://... or https://...")


def _check_weather(config: Config, where: str) -> None:
    if config.weather not in WEATHER:
        raise SettingsError(f"{where}: key 'weather' is {config.weather!r}, expected one of {', '.join(WEATHER)}")
    for key in ("weather_forecast_url", "weather_archive_url"):
        parts = urlsplit(getattr(config, key))
        if not getattr(config, key):
            continue
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
            raise SettingsError(f"{where}: key {key!r} is {getattr(config, key)!r}, expected http(s)://HOST/PATH")


def _check_database(url: str, where: str) -> None:
    """The URL itself stays out of the message: it may hold a password."""
    if not url:
        return
    try:
        dialect = make_url(url).get_backend_name()
    except ArgumentError:
        dialect = "no database URL"
    if dialect not in DIALECTS:
        raise SettingsError(f"{where}: key 'database_url' names {dialect}, expected {', '.join(DIALECTS)}, or nothing")
