"""Everything besides the streams that decides the marts' content: dbt project, settings, and the business's day."""

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

from common.yaml_text import load_yaml
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
    """Return a text that changes with the project's files, contracts and programs, and the variables that they read.

    A variable's value cannot be recovered from it, because values may be secrets, such as the salt.
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
    """Return the business's day at the moment `now`, in UTC and in the project's `shop_time_zone`."""
    moment = settings.business_now or now
    return moment.astimezone(UTC).date(), moment.astimezone(_shop_time_zone(settings.dbt_project_dir)).date()


def _files(settings: OrchestrationSettings) -> Iterator[tuple[str, bytes]]:
    """Yield all files that dbt reads and all contracts, each with its name within its folder."""
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
    """Return the environment variables that this process passes to dbt, limited to the names in `variables`."""
    return {
        name: os.environ[name]
        for name in variables
        if name in os.environ and not name.startswith(NOT_FOR_DBT) and name not in _OF_ONE_RUN
    }


def _given(settings: OrchestrationSettings) -> Mapping[str, str]:
    """Return the variables that every run of dbt gets (orchestration/dbt/project.py), except the login's.

    `Warehouse.identity` stands for the login.
    """
    return {
        **settings.schemas.environment,
        "EMAIL_SALT": settings.email_salt.get_secret_value(),
        "ENVIRONMENT": settings.environment,
    }


def _of_secrets(values: Mapping[str, str]) -> bytes:
    """Return a slow hash, because a short secret could be guessed from a fast one."""
    return _slow_hash(json.dumps(sorted(values.items())))


@lru_cache(maxsize=1)  # a run asks twice for the same one
def _slow_hash(text: str) -> bytes:
    return hashlib.scrypt(text.encode(), salt=b"what dbt is given", n=2**14, r=8, p=1)


def _version(program: str) -> str | None:
    try:
        return version(program)
    except PackageNotFoundError:
        return None


def _shop_time_zone(project: Path) -> ZoneInfo:
    """Return the project's var `shop_time_zone`, UTC if it has none. dbt reports errors in the file."""
    try:
        document = load_yaml((project / _PROJECT_FILE).read_text(encoding="utf-8"))
        return ZoneInfo(document["vars"]["shop_time_zone"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return ZoneInfo("UTC")
