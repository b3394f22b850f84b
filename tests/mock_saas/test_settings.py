"""Configuration that is refused before anything starts."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from mock_saas.settings import DEV_API_KEY, Settings


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_key_is_required_outside_dev() -> None:
    with pytest.raises(ValidationError, match="API_KEY is not set"):
        Settings()
    assert Settings(environment="dev").effective_api_key == DEV_API_KEY
    assert Settings(environment="dev", api_key=SecretStr("k")).effective_api_key == "k"


@pytest.mark.parametrize("changes", [{"api_key": DEV_API_KEY}, {"api_key": "k", "admin_key": "dev-admin-key"}])
def test_the_demo_s_keys_are_refused_outside_dev(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="is the demo's placeholder: ENVIRONMENT=production needs a secret"):
        Settings(environment="production", **changes)


def test_environment_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "k")
    monkeypatch.setenv("ADMIN_KEY", "")
    monkeypatch.setenv("EPOCH", "2025-01-01T00:00:00Z")
    monkeypatch.setenv("EVENTS_PER_DAY", "123")
    chosen = Settings()
    assert chosen.effective_api_key == "k"
    assert chosen.admin_key is None
    assert chosen.events_per_day == 123
    assert chosen.epoch is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_key", "has space"),
        ("admin_key", "ümlaut"),
        ("epoch", "2025-01-01T00:00:00"),
        ("epoch", "1969-01-01T00:00:00Z"),
        ("business_now", "2028"),
        ("business_now", "2028-02-29"),
        ("business_now", "2028-02-29T23:58:00"),
        ("business_now", "1999-12-31T23:59:59Z"),
        ("business_now", "2100-01-01T00:00:00Z"),
        ("events_per_day", 0),
        ("broken_rate", 0.6),
        ("settling_seconds", -1),
        ("recipient_pattern", "nobody@mail.example"),
        ("recipient_pattern", "{m}@mail.example"),
        ("recipient_pattern", "{n:05q}@mail.example"),
        ("recipient_pattern", "shopper{n}"),
        ("recipient_pattern", '"{n}"@mail.example'),
        ("sku_pattern", "SKU"),
        ("sku_pattern", "SKU {n}"),
        ("sku_pattern", "SKU/{n}"),
        ("sku_pattern", "{"),
        ("recipients", 0),
        ("rate_limit_per_second", -1),
        ("rate_limit_burst", 0),
        ("access_log", "loud"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**{"environment": "dev", name: value})
    if name.endswith("key"):
        assert str(value) not in str(refused.value)


def test_keys_are_not_shown() -> None:
    assert "hush" not in repr(Settings(environment="dev", api_key=SecretStr("hush"), admin_key=SecretStr("hush-hush")))
