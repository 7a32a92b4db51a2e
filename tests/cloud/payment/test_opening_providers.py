"""What the configuration of a provider must hold, and what is said of what it lacks: never a secret."""

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cloud.payment import published, service
from tests.cloud.payment.service import NOW, PAYMENT, called, opening, serving

from aircue_cloud.errors import SettingsError
from aircue_cloud.payment import amounts, switched_on, trade_numbers
from aircue_cloud.payment.provider import NotGenuine, Provider, ProviderDown, Refused

SECRET = "sk_live_nobody_may_see_this_1234"  # as long as WeChat Pay's key is

TABLES: Mapping[str, dict[str, Any]] = {
    "stripe": {"secret_key_file": "secret", "webhook_secret_file": "secret"},
    "paypal": {"client_id": "c", "client_secret_file": "secret", "webhook_id": "w", "trust_file": "trust.pem"},
    "alipay": {"app_id": "a", "seller_id": "s", "private_key_file": "key.pem", "alipay_public_key_file": "public.pem"},
    "wechat": {
        "app_id": "wx",
        "merchant_id": "1230000109",
        "merchant_serial": "5157",
        "private_key_file": "key.pem",
        "api_v3_key_file": "secret",
        "platform_keys": {"PUB_KEY_ID_1": "public.pem"},
    },
}
URLS = {"stripe": "api_url", "paypal": "api_url", "alipay": "gateway", "wechat": "api_url"}
NEEDED = [(name, key) for name, table in TABLES.items() for key in table if key != "trust_file"]
FILES = [(name, key) for name, table in TABLES.items() for key in table if key.endswith("_file")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(f" {SECRET}\n")
    (tmp_path / "key.pem").write_text(service.private_pem("shop"))
    (tmp_path / "public.pem").write_text(service.public_pem("wechat"))
    (tmp_path / "trust.pem").write_bytes(published.certificate(published.DIGICERT_ROOT))
    return tmp_path


def opened(name: str, folder: Path, **changed: Any) -> Provider:
    table = {key: value for key, value in {**TABLES[name], **changed}.items() if value is not None}
    module = importlib.import_module(f"aircue_cloud.payment.{name}")
    provider: Provider = module.open_provider(replace(opening(table, folder), where=f"[payment.{name}]"))
    return provider


def test_every_provider_here_is_one_that_can_be_switched_on() -> None:
    assert set(TABLES) <= set(switched_on.PROVIDERS)


@pytest.mark.parametrize("name", TABLES)
def test_a_provider_is_called_as_its_table_is_and_prints_no_secret(name: str, folder: Path) -> None:
    provider = opened(name, folder)
    assert provider.name == name
    assert SECRET not in repr(provider)


@pytest.mark.parametrize(("name", "key"), NEEDED)
def test_a_key_that_is_missing_is_named_with_where_to_get_it(name: str, key: str, folder: Path) -> None:
    with pytest.raises(SettingsError, match=rf"\[payment.{name}\]: key .*'{key}'.* is missing: .{{10,}}") as error:
        opened(name, folder, **{key: None})
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("name", TABLES)
def test_a_key_that_nobody_knows_is_refused(name: str, folder: Path) -> None:
    with pytest.raises(SettingsError, match="unknown key 'secret_kye'"):
        opened(name, folder, secret_kye="x")


@pytest.mark.parametrize(("name", "key"), FILES)
def test_a_file_that_is_not_there_empty_or_something_else_is_named(name: str, key: str, folder: Path) -> None:
    (folder / "empty").write_text(" \n")
    for file in ("nowhere", "empty"):
        with pytest.raises(SettingsError, match=rf"\[payment.{name}\]: key '{key}': {file} "):
            opened(name, folder, **{key: file})
    if "key" in key and name in ("alipay", "wechat"):
        with pytest.raises(SettingsError, match="expected") as error:
            opened(name, folder, **{key: "trust.pem" if "private" in key else "key.pem"})
        assert "PRIVATE" not in str(error.value)


@pytest.mark.parametrize(("name", "key"), [pair for pair in FILES if "secret" in pair[1] or "private" in pair[1]])
def test_a_secret_may_come_from_the_environment_and_not_from_both(
    name: str, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = key.replace("_file", "_env")
    monkeypatch.setenv("SHOP_SECRET", (folder / TABLES[name][key]).read_text())
    assert opened(name, folder, **{key: None, variable: "SHOP_SECRET"}).name == name
    with pytest.raises(SettingsError, match="are both there"):
        opened(name, folder, **{variable: "SHOP_SECRET"})
    monkeypatch.delenv("SHOP_SECRET")
    with pytest.raises(SettingsError, match="the environment variable SHOP_SECRET is empty"):
        opened(name, folder, **{key: None, variable: "SHOP_SECRET"})


@pytest.mark.parametrize(("name", "key"), URLS.items())
@pytest.mark.parametrize("url", ["http://api.example", "ftp://127.0.0.1", "api.example", "https:api", "https://[::1"])
def test_a_provider_is_spoken_to_over_https(name: str, key: str, url: str, folder: Path) -> None:
    with pytest.raises(SettingsError, match=f"key '{key}' is"):
        opened(name, folder, **{key: url})


def test_wechat_pays_key_has_32_characters_and_a_mode_of_paypal_is_one(folder: Path) -> None:
    (folder / "short").write_text(SECRET[1:])
    with pytest.raises(SettingsError, match="has 31 characters, expected 32"):
        opened("wechat", folder, api_v3_key_file="short")
    with pytest.raises(SettingsError, match="expected live or sandbox"):
        opened("paypal", folder, mode="test")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("status", [302, 400, 401, 403])
def test_a_provider_that_refuses_a_question_has_said_nothing_of_the_payment(
    name: str, status: int, folder: Path
) -> None:
    with serving(lambda _: (status, {"Location": "https://evil.example"}, b'{"code":"SIGN_ERROR"}')) as running:
        provider = opened(name, folder, **{URLS[name]: running.url})
        with pytest.raises(ProviderDown):
            provider.look(PAYMENT, "reference")


@pytest.mark.parametrize("name", TABLES)
def test_nothing_at_all_is_not_genuine(name: str, folder: Path) -> None:
    for body in (b"", b"{}", b"a=b"):
        with pytest.raises(NotGenuine):
            opened(name, folder).read(called({}, body), NOW)


@pytest.mark.parametrize(
    "said", ["", "1,5", "1.", ".5", "-1", "+1", "1e3", "0x1", "NaN", "1_0", " 1", "1.005", "\uff11"]
)
def test_an_amount_that_is_written_otherwise_is_none(said: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        amounts.minor(said, "EUR")


def test_amounts_are_exact_whatever_their_size() -> None:
    for minor in (0, 1, 99, 100, 10**14 + 7):
        for currency in ("EUR", "JPY", "KWD"):
            decimals = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
            assert amounts.minor(amounts.text(minor, currency, decimals), currency) == minor
    with pytest.raises(Refused, match="round the price"):
        amounts.units(1, "EUR", 1)


def test_our_ids_come_back_from_the_numbers_that_are_given_out() -> None:
    number = trade_numbers.of(PAYMENT)
    assert len(number) == 32
    assert trade_numbers.payment(number) == PAYMENT
    for other in ("20190815155618536-564-57", "x" * 32, ""):
        assert trade_numbers.payment(other) == other
    with pytest.raises(Refused, match="UUID"):
        trade_numbers.of("42")


def test_the_documentation_s_example_is_one_that_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "shop-payment-providers.md").read_text()
    example = tomllib.loads(page.split("```toml\n")[1].split("```")[0])["payment"]
    assert set(example) == set(TABLES)
    monkeypatch.setenv("PAYPAL_SECRET", SECRET)
    monkeypatch.setenv("WECHAT_API_V3_KEY", SECRET)
    for name, table in example.items():
        ours = {key: TABLES[name][key] for key in table if key.endswith("_file") or key == "platform_keys"}
        extra = {key: None for key in TABLES[name] if key not in table and key != "trust_file"}
        assert opened(name, folder, **{**table, **ours, **extra}).name == name
