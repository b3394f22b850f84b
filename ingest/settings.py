"""The settings of ingest: environment variables (or a `.env` file), each with its default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.environment import PRODUCTION, is_dev, refuse_placeholders
from common.foreign_text import keep_secret
from ingest.errors import ConfigurationError, first_problem

_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}|arn:[A-Za-z0-9:/._*-]+")
_REGION = re.compile(r"[A-Za-z0-9-]{1,63}")
_PLAIN_URL = re.compile(r"[!-~]+")
_DEMO_DSN = "postgresql://ingest:ingest@localhost:5432/shop"
"""The shop of the demo, where ENVIRONMENT is dev and nothing else is given."""


class Settings(BaseSettings):
    """Base of settings that are read from environment variables or a `.env` file."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    @classmethod
    def load(cls) -> Self:
        """Return settings from the environment. Raises ConfigurationError that names the variable, never its value."""
        with bad_settings_named():
            return cls()

    def model_post_init(self, _: object, /) -> None:
        """Register the secrets, so that no message shows them."""
        keep_secret(*self.secrets().values())

    def secrets(self) -> dict[str, str]:
        """Return the secrets by their variables' names."""
        return {
            str(field.validation_alias): value.get_secret_value()
            for name, field in type(self).model_fields.items()
            if isinstance(value := getattr(self, name), SecretStr)
        }


class GuardedSettings(Settings):
    """Settings that refuse the demo's secrets, unless ENVIRONMENT is dev."""

    environment: str = Field(default=PRODUCTION, validation_alias="ENVIRONMENT")

    @model_validator(mode="after")
    def _no_placeholders(self) -> Self:
        refuse_placeholders(self.environment, self.secrets())
        return self


@contextmanager
def bad_settings_named(*, hint: str | None = None) -> Iterator[None]:
    """Turn pydantic's validation errors within the block into a ConfigurationError with the variable's name and
    `hint`.
    """
    try:
        yield
    except ValidationError as error:
        raise ConfigurationError(f"bad settings: {first_problem(error)}", hint=hint) from None


class LakeSettings(Settings):
    """The location of the raw lake. boto3 finds the credentials (environment, profile, role)."""

    bucket: str = Field(default="dp-mailblaze-demo-dev-raw-3dfbc1", validation_alias="RAW_BUCKET")
    endpoint_url: str | None = Field(default=None, validation_alias="AWS_ENDPOINT_URL")
    region: str = Field(default="eu-central-1", validation_alias="AWS_REGION")

    @field_validator("endpoint_url")
    @classmethod
    def _empty_means_aws(cls, value: str | None) -> str | None:
        if value and (problem := problem_of_url(value)):
            raise ValueError(f"{problem}; a login belongs in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        return value or None

    @field_validator("bucket")
    @classmethod
    def _is_a_bucket(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value):
            raise ValueError("it is no name or ARN of a bucket")  # boto3's own message would show the value
        return value

    @field_validator("region")
    @classmethod
    def _is_a_region(cls, value: str) -> str:
        if not _REGION.fullmatch(value):
            raise ValueError("it is no name of a region, such as eu-central-1")
        return value


def problem_of_url(url: str) -> str | None:
    """Return why messages must not show a URL; None for a plain http(s) URL without login and query."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bad port, or bad brackets
        plain = False
    if not plain or not _PLAIN_URL.fullmatch(url):
        return "it is no http(s) URL"
    if "@" in parts.netloc:
        return "it holds a login, which messages would show"
    if "?" in url or "#" in url:
        return "it holds a query, which messages would show"
    return None


class IngestSettings(GuardedSettings):
    """Settings of the ingest program."""

    postgres_dsn: SecretStr = Field(
        default_factory=lambda given: SecretStr(_DEMO_DSN if is_dev(given.get("environment")) else ""),
        validation_alias="POSTGRES_DSN",
    )
    saas_base_url: str = Field(default="http://localhost:8090", validation_alias="SAAS_BASE_URL")
    saas_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="SAAS_API_KEY")
    contracts_dir: Path = Field(default=Path(__file__).parent / "contracts", validation_alias="CONTRACTS_DIR")

    horizon_margin_seconds: float = Field(default=1.0, ge=0, validation_alias="HORIZON_MARGIN_SECONDS")
    """Kept back below the horizon, for a backend that has taken its timestamp and not yet shown it."""
    postgres_readers: int = Field(default=2, ge=1, le=32, validation_alias="POSTGRES_READERS")
    """Connections that read one large table at once."""
    postgres_lock_timeout_seconds: float = Field(default=10.0, ge=0, validation_alias="POSTGRES_LOCK_TIMEOUT_SECONDS")
    """The longest wait for a table that is locked against readers."""
    saas_settling_seconds: float = Field(default=60.0, ge=0, validation_alias="SAAS_SETTLING_SECONDS")
    """The provider's documented settling time: records younger than this are not final."""
    saas_page_size: int = Field(default=1000, ge=1, le=1000, validation_alias="SAAS_PAGE_SIZE")
    saas_answer_bytes: int = Field(default=128 * 2**20, ge=2**20, validation_alias="SAAS_ANSWER_BYTES")
    """The longest answer of the API that is taken, in bytes once it is decoded."""
    saas_commit_bytes: int = Field(default=64 * 2**20, ge=1, validation_alias="SAAS_COMMIT_BYTES")
    """A long window is committed every so many bytes of records, so that a crash resumes in its middle."""
    wait_budget_seconds: float = Field(default=300.0, ge=0, validation_alias="WAIT_BUDGET_SECONDS")
    """The longest wait of one stream in a run, for retries and Retry-After, over all tries, tasks and workers."""
    target_file_bytes: int = Field(default=32 * 2**20, ge=1, validation_alias="TARGET_FILE_BYTES")
    concurrency: int = Field(default=4, ge=1, validation_alias="INGEST_CONCURRENCY")
    """Streams read at once by one process."""
    small_table_bytes: int = Field(default=2**20, ge=0, validation_alias="SMALL_TABLE_BYTES")
    """A table of at most so many bytes in Postgres is landed by the run itself, and not handed out to a worker."""
    verify_memory_limit: str = Field(
        default="256MB", pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$", validation_alias="VERIFY_MEMORY_LIMIT"
    )
    """DuckDB's memory limit for comparing a stream, such as 1GB; the rest is spilled to the disk of TMPDIR."""
    log_format: Literal["auto", "console", "json"] = Field(default="auto", validation_alias="LOG_FORMAT")
    lake: LakeSettings = Field(default_factory=LakeSettings)
