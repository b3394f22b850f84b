"""What decides, besides the streams, what the marts hold: the dbt project, its settings, and the business's day."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from ingest.contracts.registry import SUFFIX
from orchestration.dbt.runner import NOT_FOR_DBT
from orchestration.settings import OrchestrationSettings

_PROJECT_FILE = "dbt_project.yml"
_PROFILES_FILE = "profiles.yml"
_WRITTEN_BY_DBT = frozenset({"target", "logs"})
_PROGRAMS = ("dbt-core", "dbt-adapters", "dbt-duckdb", "dbt-snowflake", "duckdb")
_VARIABLE = re.compile(r"""env_var\s*\(\s*['"]([^'"]+)['"]""")
_OF_ONE_RUN = frozenset({"BUSINESS_NOW", "FULL_TESTS"})
"""Variables that differ from run to run: the day is compared by itself, and tests change no model."""


def fingerprint(settings: OrchestrationSettings) -> str:
    """A text that changes with the project's files, contracts, programs, and the variables that they read.

    Nobody can find a variable's value by it: those may be secrets, as the salt is.
    """
    digest = hashlib.sha256()
    variables: set[str] = set()
    for name, content in _files(settings):
        digest.update(json.dumps([name, len(content)]).encode())
        digest.update(content)
        variables |= set(_VARIABLE.findall(content.decode(errors="replace")))
    digest.update(json.dumps([settings.target, *((name, _version(name)) for name in _PROGRAMS)]).encode())
    digest.update(_of_secrets({**_environment(variables), **_given(settings)}))
    return digest.hexdigest()


def business_days(settings: OrchestrationSettings, now: datetime) -> tuple[date, date]:
    """The business's day at the moment `now` of the clock: in UTC, and in the project's `shop_time_zone`."""
    moment = settings.business_now or now
    return moment.astimezone(UTC).date(), moment.astimezone(_shop_time_zone(settings.dbt_project_dir)).date()


def _files(settings: OrchestrationSettings) -> Iterator[tuple[str, bytes]]:
    """All files that dbt reads, and the contracts, each by its name within its folder."""
    project = settings.dbt_project_dir
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project)
        if path.is_file() and name.parts[0] not in _WRITTEN_BY_DBT and not path.name.startswith("."):
            yield str(name), path.read_bytes()
    profiles = settings.dbt_profiles_dir / _PROFILES_FILE
    if profiles.exists():
        yield _PROFILES_FILE, profiles.read_bytes()
    for path in sorted(settings.contracts_dir.glob(f"*{SUFFIX}")):
        yield path.name, path.read_bytes()


def _environment(variables: set[str]) -> Mapping[str, str]:
    """Those of the variables that reach dbt from this process's environment."""
    return {
        name: os.environ[name]
        for name in variables
        if name in os.environ and not name.startswith(NOT_FOR_DBT) and name not in _OF_ONE_RUN
    }


def _given(settings: OrchestrationSettings) -> Mapping[str, str]:
    """Those that every run of dbt is given (orchestration/dbt/project.py), but the login's: `Warehouse.identity`."""
    return {
        **settings.schemas.environment,
        "EMAIL_SALT": settings.email_salt.get_secret_value(),
        "ENVIRONMENT": settings.environment,
    }


def _of_secrets(values: Mapping[str, str]) -> bytes:
    """By a slow hash, since a short secret could be guessed from a fast one."""
    return _slow_hash(json.dumps(sorted(values.items())))


@lru_cache(maxsize=1)  # a run asks twice, for the same
def _slow_hash(text: str) -> bytes:
    return hashlib.scrypt(text.encode(), salt=b"what dbt is given", n=2**14, r=8, p=1)


def _version(program: str) -> str | None:
    try:
        return version(program)
    except PackageNotFoundError:
        return None


def _shop_time_zone(project: Path) -> ZoneInfo:
    """The project's var; UTC where it has none. What is wrong in the file, dbt says."""
    try:
        document = yaml.safe_load((project / _PROJECT_FILE).read_text(encoding="utf-8"))
        return ZoneInfo(document["vars"]["shop_time_zone"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return ZoneInfo("UTC")
