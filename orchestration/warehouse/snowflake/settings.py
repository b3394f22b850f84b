"""Snowflake's settings: environment variables for the account, the user and its key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from ingest.errors import ConfigurationError
from ingest.retry_policies import SNOWFLAKE_REQUEST
from ingest.settings import Settings, bad_settings_named

_HINT = "`terraform output -json app_env | python -m orchestration.env` writes those settings that are no secret."


_NAME = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")


class SnowflakeSettings(Settings):
    """The account, the service users and their keys, and the names that Terraform made.

    A password is accepted only for an emulator on this machine. An account needs a key pair.
    """

    account: str = Field(default="", validation_alias="SNOWFLAKE_ACCOUNT")
    """Such as MYORG-MYACCOUNT."""
    user: str = Field(default="DP_MAILBLAZE_DEMO_DEV_SVC_LOADER", validation_alias="SNOWFLAKE_USER")
    private_key_path: Path | None = Field(default=None, validation_alias="SNOWFLAKE_PRIVATE_KEY_PATH")
    private_key: SecretStr | None = Field(default=None, validation_alias="SNOWFLAKE_PRIVATE_KEY")
    """The PEM text, where there is no file."""
    private_key_2_path: Path | None = Field(default=None, validation_alias="SNOWFLAKE_PRIVATE_KEY_2_PATH")
    private_key_2: SecretStr | None = Field(default=None, validation_alias="SNOWFLAKE_PRIVATE_KEY_2")
    """The second key of a rotation: tried where the first one is refused."""
    private_key_passphrase: SecretStr | None = Field(default=None, validation_alias="SNOWFLAKE_PRIVATE_KEY_PASSPHRASE")
    password: SecretStr | None = Field(default=None, validation_alias="SNOWFLAKE_PASSWORD")

    dbt_user: str | None = Field(default=None, validation_alias="SNOWFLAKE_DBT_USER")
    """dbt's own user, who also reads for audits; by default SNOWFLAKE_USER with its key."""
    dbt_private_key_path: Path | None = Field(default=None, validation_alias="SNOWFLAKE_DBT_PRIVATE_KEY_PATH")
    dbt_private_key: SecretStr | None = Field(default=None, validation_alias="SNOWFLAKE_DBT_PRIVATE_KEY")
    dbt_private_key_passphrase: SecretStr | None = Field(
        default=None, validation_alias="SNOWFLAKE_DBT_PRIVATE_KEY_PASSPHRASE"
    )

    reader_user: str = Field(default="DP_MAILBLAZE_DEMO_DEV_SVC_READER", validation_alias="SNOWFLAKE_READER_USER")
    """Who queries the marts, by a key of its own; without one, dbt's user does, in the role of readers."""
    reader_private_key_path: Path | None = Field(default=None, validation_alias="SNOWFLAKE_READER_PRIVATE_KEY_PATH")
    reader_private_key: SecretStr | None = Field(default=None, validation_alias="SNOWFLAKE_READER_PRIVATE_KEY")
    reader_private_key_passphrase: SecretStr | None = Field(
        default=None, validation_alias="SNOWFLAKE_READER_PRIVATE_KEY_PASSPHRASE"
    )

    host: str | None = Field(default=None, validation_alias="SNOWFLAKE_HOST")
    """Of an emulator or a private link; by default the account's own."""
    port: int = Field(default=443, validation_alias="SNOWFLAKE_PORT")
    protocol: Literal["https", "http"] = Field(default="https", validation_alias="SNOWFLAKE_PROTOCOL")

    loader_role: str = Field(default="DP_MAILBLAZE_DEMO_DEV_LOADER", validation_alias="SNOWFLAKE_LOADER_ROLE")
    transformer_role: str = Field(
        default="DP_MAILBLAZE_DEMO_DEV_TRANSFORMER", validation_alias="SNOWFLAKE_TRANSFORMER_ROLE"
    )
    reader_role: str = Field(default="DP_MAILBLAZE_DEMO_DEV_READER", validation_alias="SNOWFLAKE_READER_ROLE")
    load_warehouse: str = Field(default="DP_MAILBLAZE_DEMO_DEV_LOAD_WH", validation_alias="SNOWFLAKE_LOAD_WAREHOUSE")
    transform_warehouse: str = Field(
        default="DP_MAILBLAZE_DEMO_DEV_TRANSFORM_WH", validation_alias="SNOWFLAKE_TRANSFORM_WAREHOUSE"
    )
    bi_warehouse: str = Field(default="DP_MAILBLAZE_DEMO_DEV_BI_WH", validation_alias="SNOWFLAKE_BI_WAREHOUSE")
    suspend_warehouses: bool = Field(default=True, validation_alias="SNOWFLAKE_SUSPEND_WAREHOUSES")
    """Whether a run that wrote suspends the warehouses of loads and of transformations at its end."""
    stage: str = Field(default="STG_S3_RAW", validation_alias="SNOWFLAKE_STAGE")
    """The external stage of the raw bucket, in the schema RAW."""

    login_timeout_seconds: int = Field(default=30, ge=1, validation_alias="SNOWFLAKE_LOGIN_TIMEOUT_SECONDS")
    network_timeout_seconds: int = Field(
        default=int(SNOWFLAKE_REQUEST.longest_budget), ge=1, validation_alias="SNOWFLAKE_NETWORK_TIMEOUT_SECONDS"
    )
    """The longest retry of a request without answer, before the connection counts as lost."""
    statement_timeout_seconds: int = Field(default=3600, ge=1, validation_alias="SNOWFLAKE_STATEMENT_TIMEOUT_SECONDS")

    @field_validator("host", "dbt_user")
    @classmethod
    def _empty_means_default(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("account", "host")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value and not _NAME.fullmatch(value):
            raise ValueError("it is no name of an account or a host")  # the value may be a secret
        return value

    @model_validator(mode="after")
    def _no_password_to_an_account(self) -> Self:
        if self.password is not None and not self.is_local:
            raise ValueError(
                "SNOWFLAKE_PASSWORD is accepted only for an emulator on this machine; for an account set "
                "SNOWFLAKE_PRIVATE_KEY_PATH"
            )
        if self.protocol == "http" and not self.is_local:
            raise ValueError("SNOWFLAKE_PROTOCOL=http is accepted only for an emulator on this machine")
        return self

    @property
    def readers_own_keys(self) -> tuple[Path | SecretStr, ...]:
        """The keys of the reader's own user; empty if dbt's user queries in the role of readers."""
        return tuple(key for key in (self.reader_private_key_path, self.reader_private_key) if key is not None)

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine, and so an emulator."""
        if self.host is None:
            return False
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def load(cls) -> SnowflakeSettings:
        """Return settings from the environment, complete enough to log in.

        Raises ConfigurationError that names the variable, never its value.
        """
        return cls._complete(cls)

    @classmethod
    def load_for_reader(cls) -> SnowflakeSettings:
        """Return settings from the environment, complete enough to query the marts. The reader's key is sufficient.

        Raises the same errors as `load`.
        """
        return cls._complete(cls, reader=True)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> SnowflakeSettings:
        """Return settings from only these variables. Raises the same errors as `load`."""
        named = {
            name: environment[str(field.validation_alias)]
            for name, field in cls.model_fields.items()
            if environment.get(str(field.validation_alias))
        }
        return cls._complete(lambda: _Given.model_validate(named))

    @classmethod
    def _complete(cls, make: Callable[[], SnowflakeSettings], *, reader: bool = False) -> SnowflakeSettings:
        with bad_settings_named(hint=_HINT):
            settings = make()
        if not settings.account:
            raise ConfigurationError(
                "SNOWFLAKE_ACCOUNT is not set; WAREHOUSE=snowflake needs one, such as MYORG-MYACCOUNT", hint=_HINT
            )
        keys = (settings.private_key_path, settings.private_key, settings.private_key_2_path, settings.private_key_2)
        if reader:
            if settings.password is None and all(key is None for key in (*keys, *settings.readers_own_keys)):
                raise ConfigurationError(
                    "there is no key to query Snowflake with: neither SNOWFLAKE_READER_PRIVATE_KEY_PATH nor "
                    "SNOWFLAKE_READER_PRIVATE_KEY is set"
                )
        elif settings.password is None and all(key is None for key in keys):
            raise ConfigurationError(
                "there is no key to log in to Snowflake with: neither SNOWFLAKE_PRIVATE_KEY_PATH nor "
                "SNOWFLAKE_PRIVATE_KEY is set"
            )
        return settings


class _Given(SnowflakeSettings):
    """Settings that read no environment, which `model_validate` of settings would."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)
