"""What the registration of the deployments can be told by environment variables (or a `.env` file)."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings

from ingest.errors import ConfigurationError
from ingest.settings import SETTINGS_CONFIG


class DeploySettings(BaseSettings):
    """Settings of the registration."""

    model_config = SETTINGS_CONFIG

    alert_webhook_url: SecretStr | None = Field(default=None, validation_alias="ALERT_WEBHOOK_URL")
    """Where alerts go, as Slack takes them; none are sent without."""
    release: str = Field(default="dev", validation_alias="IMAGE_TAG")
    """The release that the deployments are of: their version in Prefect."""

    @classmethod
    def load(cls) -> DeploySettings:
        """Settings from the environment. Raises ConfigurationError naming the variable, never its value."""
        try:
            return cls()
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]
            raise ConfigurationError(f"bad settings: {problem['loc'][0]}: {problem['msg']}") from None
