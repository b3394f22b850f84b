"""Settings of the shop's programs, read from the environment; command-line options override them."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ShopSettings(BaseSettings):
    """The shop's DSN, for `seed` and `activity`."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    dsn: SecretStr | None = Field(default=None, validation_alias="POSTGRES_DSN")
    business_now: str = Field(default="", validation_alias="BUSINESS_NOW")
    """The business's time, as text; empty for the clock's."""
    visits_url: str = Field(default="", validation_alias="SHOP_VISITS_URL")
    """Where the visits by links in e-mails are told; empty: there are none."""
    visits_key: SecretStr | None = Field(default=None, validation_alias="SHOP_VISITS_KEY")


class SetupSettings(BaseSettings):
    """The settings of `setup`, which creates a shop. Passwords come only from the environment."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    admin_dsn: SecretStr | None = Field(default=None, validation_alias="POSTGRES_ADMIN_DSN")
    owner_password: SecretStr | None = Field(default=None, validation_alias="SHOP_OWNER_PASSWORD")
    ingest_password: SecretStr | None = Field(default=None, validation_alias="SHOP_INGEST_PASSWORD")
