"""Settings that ingest refuses: secrets that messages would show, and the demo's secrets outside of dev."""

from __future__ import annotations

import pytest

from ingest.errors import ConfigurationError
from ingest.settings import IngestSettings

PLACEHOLDERS = [
    "postgresql://ingest:ingest@db.example:5432/shop",
    "postgres://ingest:ingest@db.example/shop?sslmode=require",
    "host=db.example user=ingest password=ingest dbname=shop",
    "host=db.example user=ingest password='ingest'",
    "postgresql://db.example/shop?user=ingest&password=ingest",
]


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> pytest.MonkeyPatch:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("ENVIRONMENT", "prod")
    monkeypatch.setenv("SAAS_API_KEY", "of-its-own")
    return monkeypatch


@pytest.mark.parametrize("dsn", PLACEHOLDERS)
def test_the_demos_password_is_refused_outside_of_dev_in_every_form(production: pytest.MonkeyPatch, dsn: str) -> None:
    production.setenv("POSTGRES_DSN", dsn)
    with pytest.raises(ConfigurationError, match="the password in POSTGRES_DSN is the demo's placeholder"):
        IngestSettings.load()
    production.setenv("ENVIRONMENT", "dev")
    assert IngestSettings.load().postgres_dsn.get_secret_value() == dsn


@pytest.mark.parametrize(
    "dsn", ["postgresql://ingest:real%40ingest@db.example/shop", "host=ingest user=ingest password=real", "no dsn"]
)
def test_another_password_is_taken(production: pytest.MonkeyPatch, dsn: str) -> None:
    production.setenv("POSTGRES_DSN", dsn)
    assert IngestSettings.load().environment == "prod"


@pytest.mark.parametrize("url", ["http://key:s3cret-of-url@lake:9000", "https://s3cret-of-url@lake"])
def test_an_endpoint_with_a_login_in_it_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(ConfigurationError, match=r"AWS_ENDPOINT_URL.*holds a login") as caught:
        IngestSettings.load()
    assert "s3cret-of-url" not in str(caught.value)


def test_no_endpoint_means_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "")
    assert IngestSettings.load().lake.endpoint_url is None
