"""The worker's settings, beside those of ingest: environment variables (or a `.env` file)."""

from __future__ import annotations

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings

from ingest.errors import ConfigurationError
from ingest.settings import SETTINGS_CONFIG


class WorkerSettings(BaseSettings):
    """Settings of the agent that lands streams."""

    model_config = SETTINGS_CONFIG

    slots: int = Field(default=3, ge=1, validation_alias="INGEST_SLOTS")
    """Streams that one worker lands at once."""

    @classmethod
    def load(cls) -> WorkerSettings:
        """Settings from the environment. Raises ConfigurationError naming the variable."""
        try:
            return cls()
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]
            raise ConfigurationError(f"bad settings: {problem['loc'][0]}: {problem['msg']}") from None
