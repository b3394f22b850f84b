"""Settings of the embedded stack."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parents[1]


class LocalSettings(BaseSettings):
    """Environment variables of the embedded stack; all have defaults."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    postgres_bin: Literal["wheel"] | Path | None = Field(default=None, union_mode="left_to_right")
    """POSTGRES_BIN: the directory of `initdb` and `postgres` to use, or `wheel` for the packaged ones. Default: the
    newest installed one, else the packaged one."""

    state: Path = Field(default=REPOSITORY / ".local", validation_alias="LOCAL_STATE")
    """LOCAL_STATE: where the demo and the stack keep their warehouse, logs and Prefect's database."""

    @field_validator("state")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        """Return the absolute path, because child processes run in another directory."""
        return value.expanduser().absolute()
