"""Session parameters: those with an effect here, and those that may be set without an effect on what we emulate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.snowflake.emulator.errors import invalid_parameter, invalid_property, unsupported

EMULATED_LOCK_TIMEOUT = "20"
"""Seconds; Snowflake's default is 12 hours."""


@dataclass(frozen=True)
class Parameter:
    """A session parameter. A `fixed` one accepts only its default, because another value would change results."""

    kind: str
    default: str
    fixed: bool = False


PARAMETERS = {
    "ABORT_DETACHED_QUERY": Parameter("BOOLEAN", "false"),
    "AUTOCOMMIT": Parameter("BOOLEAN", "true"),
    "BINARY_INPUT_FORMAT": Parameter("STRING", "HEX", fixed=True),
    "BINARY_OUTPUT_FORMAT": Parameter("STRING", "HEX", fixed=True),
    "ERROR_ON_NONDETERMINISTIC_MERGE": Parameter("BOOLEAN", "true", fixed=True),
    "JSON_INDENT": Parameter("NUMBER", "0", fixed=True),
    "LOCK_TIMEOUT": Parameter("NUMBER", EMULATED_LOCK_TIMEOUT),
    "MULTI_STATEMENT_COUNT": Parameter("NUMBER", "1", fixed=True),
    "QUERY_TAG": Parameter("STRING", ""),
    "QUOTED_IDENTIFIERS_IGNORE_CASE": Parameter("BOOLEAN", "false", fixed=True),
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": Parameter("NUMBER", "0"),
    "STATEMENT_TIMEOUT_IN_SECONDS": Parameter("NUMBER", "172800"),
    "TIMESTAMP_INPUT_FORMAT": Parameter("STRING", "AUTO", fixed=True),
    "TIMESTAMP_TYPE_MAPPING": Parameter("STRING", "TIMESTAMP_NTZ", fixed=True),
    "TIMEZONE": Parameter("STRING", "UTC", fixed=True),
    "TRANSACTION_ABORT_ON_ERROR": Parameter("BOOLEAN", "false"),
    "USE_CACHED_RESULT": Parameter("BOOLEAN", "true"),
    "WEEK_START": Parameter("NUMBER", "0", fixed=True),
}
_CLIENT = ("CLIENT_", "PYTHON_CONNECTOR_", "ENABLE_STAGE_S3_", "GEOGRAPHY_", "GEOMETRY_")


class Parameters:
    """The parameters of one session."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}
        self._of_user: dict[str, str] = {}

    def begin_with(self, values: Mapping[str, str]) -> None:
        """Set the user's own values, which hold unless the session sets others."""
        self._of_user = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._set.get(name) or self._of_user.get(name) or PARAMETERS[name].default

    def unset(self, name: str) -> None:
        """Return to the user's own value, or to the default. Raises SnowflakeError for an unknown parameter."""
        if name not in PARAMETERS:
            raise invalid_parameter(name)
        self._set.pop(name, None)

    @property
    def not_emulated(self) -> str | None:
        """A parameter whose value, given to the user, would change results; None if there is none."""
        for name, parameter in PARAMETERS.items():
            if parameter.fixed and self[name].upper() not in _same(name, parameter):
                return f"a session with {name} = {self[name]}"
        return None

    def number(self, name: str) -> float:
        return float(self[name])

    def flag(self, name: str) -> bool:
        return self[name] == "true"

    def set(self, name: str, value: str) -> None:
        """Set a parameter. Raises SnowflakeError for an unknown parameter, or a value that it cannot have."""
        name = name.upper()
        if name.startswith(_CLIENT):
            return
        parameter = PARAMETERS.get(name)
        if parameter is None:
            raise invalid_parameter(name)
        if parameter.kind == "BOOLEAN":
            value = value.lower()
        if (parameter.kind == "BOOLEAN" and value not in ("true", "false")) or (
            parameter.kind == "NUMBER" and not value.isdigit()
        ):
            raise invalid_property(value, name)
        if parameter.fixed and value.upper() not in _same(name, parameter):
            raise unsupported(f"{name} = {value}")
        self._set[name] = value


def _same(name: str, parameter: Parameter) -> tuple[str, ...]:
    return ("UTC", "ETC/UTC") if name == "TIMEZONE" else (parameter.default.upper(),)
