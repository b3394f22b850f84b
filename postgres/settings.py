"""Settings of the shop's programs, read from the environment; command-line options override them."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ShopSettings(BaseSettings):
    """Where the shop is, for `seed` and `activity`."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    dsn: SecretStr | None = Field(default=None, validation_alias="POSTGRES_DSN")
    business_now: str = Field(default="", validation_alias="BUSINESS_NOW")
    """Where the business's time stands, as text; empty: it is the clock's."""


class SetupSettings(BaseSettings):
    """What `setup` needs to create a shop. Passwords come from the environment alone."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    admin_dsn: SecretStr | None = Field(default=None, validation_alias="POSTGRES_ADMIN_DSN")
    owner_password: SecretStr | None = Field(default=None, validation_alias="SHOP_OWNER_PASSWORD")
    ingest_password: SecretStr | None = Field(default=None, validation_alias="SHOP_INGEST_PASSWORD")
