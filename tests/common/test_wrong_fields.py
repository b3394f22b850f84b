"""A secret in the wrong field: no message shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from common.foreign_text import forget_secrets
from ingest.errors import PlatformError
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from ingest.sources.api.http import ApiClient
from ingest.sources.postgres.connection import Server
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.snowflake.login import loader_login
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from tests.test_env_example import SETTINGS, variables

SECRET = "Hush9/hush+hush=Zzyzx"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgHushHush\n-----END PRIVATE KEY-----\n"
OURS = [
    settings
    for settings in SETTINGS
    if settings.__module__.startswith(("ingest.", "orchestration.")) and hasattr(settings, "load")
]


@pytest.mark.parametrize("secret", [SECRET, KEY, f"postgresql://u:{SECRET}@h:x/db", "Zzyzx-hush-hush"])
@pytest.mark.parametrize("settings", OURS, ids=lambda settings: settings.__name__)
def test_a_secret_in_any_setting_is_not_in_the_message_that_refuses_it(
    settings: type, secret: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    told = []
    for variable in {*variables(settings).values()} - {"ENVIRONMENT"}:  # its name is no secret, and is shown
        with monkeypatch.context() as patch:
            patch.setenv(variable, secret)
            try:
                settings.load()  # type: ignore[attr-defined]
            except PlatformError as error:
                told.append(str(error))
            forget_secrets()

    assert not [message for message in told if "hush" in message.lower() or "Zzyzx" in message]


def open_lake(text: str) -> None:
    with_endpoint = LakeSettings.load()
    ObjectStore(with_endpoint).check()


def open_warehouse(text: str) -> None:
    settings = OrchestrationSettings.load()
    warehouse = DuckDBWarehouse(
        settings.warehouse_dir, settings.database, settings.lake, memory_limit=settings.duckdb_memory_limit
    )
    with warehouse.connect():
        pass


def log_in(text: str) -> None:
    settings = SnowflakeSettings.load()
    loader_login(settings, "DB").connect()


USES = {
    "AWS_ENDPOINT_URL": open_lake,
    "RAW_BUCKET": open_lake,
    "AWS_REGION": open_lake,
    "DUCKDB_MEMORY_LIMIT": open_warehouse,
    "SAAS_BASE_URL": lambda text: ApiClient(text, SecretStr("key")).get("/v1/events", {}),
    "SNOWFLAKE_ACCOUNT": log_in,
    "SNOWFLAKE_HOST": log_in,
    "SNOWFLAKE_PORT": log_in,
    "SNOWFLAKE_PRIVATE_KEY_PATH": log_in,
    "SNOWFLAKE_PRIVATE_KEY_2_PATH": log_in,
    "POSTGRES_DSN": lambda text: Server(SecretStr(text)).connect(),
}
WRONG = {
    "POSTGRES_DSN": [
        SECRET,
        f"postgresql://ingest@db:{SECRET}/shop",
        f"postgresql://ingest:x@{SECRET}@db/shop",
        f"host=db port={SECRET}",
        f"host=db user=u passwd={SECRET}",
        f"postgresql://h/db?passwort={SECRET}",
    ],
    "SAAS_BASE_URL": [SECRET, f"https://api.example/?key={SECRET}", f"https://x:{SECRET}/"],
    "AWS_ENDPOINT_URL": [SECRET, f"http://a:{SECRET}@lake:1", f"http://lake:{SECRET}", f"http://lake:1?k={SECRET}"],
    "SNOWFLAKE_PRIVATE_KEY_PATH": [KEY, KEY.replace("\n", "\\n"), SECRET, "~" + SECRET, SECRET * 300],
    "SNOWFLAKE_PRIVATE_KEY_2_PATH": [KEY, SECRET],
}


@pytest.mark.parametrize("variable", sorted(USES))
def test_a_secret_in_a_field_that_is_used_is_in_no_message(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "x-y")
    if variable != "SNOWFLAKE_PRIVATE_KEY_2_PATH":
        monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY", "no key")
    for wrong in WRONG.get(variable, [SECRET]):
        monkeypatch.setenv(variable, wrong)
        with pytest.raises(PlatformError) as refusal:
            USES[variable](wrong)
        assert "hush" not in str(refusal.value).lower(), variable
        assert variable in str(refusal.value)
