"""Settings of the shop's programs, read from the environment; command-line options override them."""

from typing import Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.environment import PRODUCTION, PlaceholderError, refuse_placeholders
from common.foreign_text import keep_secret
from postgres.errors import ShopError


class GuardedSettings(BaseSettings):
    """Settings that refuse the demo's secrets, unless ENVIRONMENT is dev."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    environment: str = Field(default=PRODUCTION, validation_alias="ENVIRONMENT")

    @classmethod
    def load(cls) -> Self:
        """Return settings from the environment, and register their secrets so that no message shows them.

        Raises ShopError if a setting is a secret of the demo outside dev.
        """
        settings = cls()
        values = {
            str(field.validation_alias): value.get_secret_value()
            for name, field in cls.model_fields.items()
            if isinstance(value := getattr(settings, name), SecretStr)
        }
        keep_secret(*values.values())
        try:
            refuse_placeholders(settings.environment, values)
        except PlaceholderError as error:
            raise ShopError(str(error)) from None
        return settings


class ShopSettings(GuardedSettings):
    """The shop's DSN, for `seed` and `activity`."""

    dsn: SecretStr | None = Field(default=None, validation_alias="POSTGRES_DSN")
    business_now: str = Field(default="", validation_alias="BUSINESS_NOW")
    """The business's time, as text; empty for the clock's."""
    visits_url: str = Field(default="", validation_alias="SHOP_VISITS_URL")
    """Where the visits by links in e-mails are told; empty: there are none."""
    visits_key: SecretStr | None = Field(default=None, validation_alias="SHOP_VISITS_KEY")


class SetupSettings(GuardedSettings):
    """The settings of `setup`, which creates a shop. Passwords come only from the environment."""

    admin_dsn: SecretStr | None = Field(default=None, validation_alias="POSTGRES_ADMIN_DSN")
    owner_password: SecretStr | None = Field(default=None, validation_alias="SHOP_OWNER_PASSWORD")
    ingest_password: SecretStr | None = Field(default=None, validation_alias="SHOP_INGEST_PASSWORD")
