"""Every error the platform raises on purpose. The retry loop reads the type, never the text.

    PlatformError
    ├── ConfigurationError      fix something, run again          exit code 2
    │   ├── ContractError       a contract is wrong or unreadable
    │   ├── SchemaDriftError    the source no longer matches its contract
    │   └── AccessError         credentials or privileges are missing
    ├── DataError               the data broke its contract       exit code 2
    │   └── QuarantineRatioError  too much of a batch was refused
    ├── TransientError          worth another try, with backoff   exit code 1
    │   ├── RateLimitedError    the provider said when to come back
    │   └── UnreachableError    nothing answers at that address   exit code 2
    ├── ConflictError           another writer won                exit code 3
    └── FatalError              a promise was broken; look at it  exit code 1
        └── DamagedLakeError    a file must be brought back       exit code 2

A message names the fault, the stream, and the remedy. No message holds a secret or a terminal's control
sequence: all quoted text goes through `common.foreign_text`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.foreign_text import harmless
from ingest.hints import here
from ingest.schema_change import SchemaChange

if TYPE_CHECKING:
    from pydantic import ValidationError


class PlatformError(Exception):
    """Base class of all errors of the platform. `exit_code` is the exit code of a command that raises it."""

    exit_code = 1

    def __init__(self, message: str, *, stream: str | None = None, hint: str | None = None) -> None:
        self.message = harmless(message)
        self.stream = stream
        self.hint = None if hint is None else harmless(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        """Return message and hint. Their commands are written so that they work where this process runs."""
        subject = f"{harmless(self.stream)}: " if self.stream else ""
        if not self.hint:
            return here(f"{subject}{self.message}")
        if self.message.endswith("\n"):
            return here(f"{subject}{self.message}{self.hint}")
        stop = "" if self.message.endswith((".", "!", "?")) else "."
        return here(f"{subject}{self.message}{stop} {self.hint}")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the error with its keyword arguments, so that it survives a process or result store."""
        return (_rebuild, (type(self), self.message, self.stream, self.hint))


def _rebuild(kind: type[PlatformError], message: str, stream: str | None, hint: str | None) -> PlatformError:
    return kind(message, stream=stream, hint=hint)


class ConfigurationError(PlatformError):
    """A setting, file or argument is wrong. Never retried. `changes` are the changes of the source that caused it."""

    exit_code = 2
    changes: tuple[SchemaChange, ...] = ()

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"changes": self.changes})


class ContractError(ConfigurationError):
    """A contract cannot be read, or demands something that cannot be kept."""


class SchemaDriftError(ConfigurationError):
    """The source differs from its contract in a way that would alter or lose data."""


class AccessError(ConfigurationError):
    """A login, key or privilege is missing or refused."""


class DataError(PlatformError):
    """The data itself broke its contract. Nothing of the batch was committed."""

    exit_code = 2


class QuarantineRatioError(DataError):
    """More of a batch broke the contract than `maxQuarantineRatio` allows."""


class TransientError(PlatformError):
    """A temporary fault: connection, timeout, overload. Retried with capped exponential backoff.

    A `final` error is not retried, because no time is left for another try. `retry_at` is the moment at which the
    provider wants the next request, if it named one.
    """

    final = False
    retry_at: datetime | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"final": self.final, "retry_at": self.retry_at})


class RateLimitedError(TransientError):
    """The provider asked to wait. `retry_after` is the wait, None if the provider gave no time."""

    def __init__(
        self,
        message: str,
        *,
        stream: str | None = None,
        hint: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message, stream=stream, hint=hint)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        rebuild, arguments, state = super().__reduce__()
        assert isinstance(state, dict)  # noqa: S101 - of the base class
        return rebuild, arguments, state | {"retry_after": self.retry_after}


class UnreachableError(TransientError):
    """Nothing answers at an address. It is retried; if the retry fails too, a setting is most likely wrong."""

    exit_code = 2


class ConflictError(PlatformError):
    """Another writer committed first. Nothing of this batch counts, and no row is doubled."""

    exit_code = 3


class FatalError(PlatformError):
    """A promise of the platform was found broken (a checksum, a count, a missing file)."""


class DamagedLakeError(FatalError):
    """A file that the log names is missing, or differs from the committed one. Somebody must restore it."""

    exit_code = 2


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message without control characters and secrets.

    Return the name of its type if the message is empty.
    """
    return harmless(error).partition("\n")[0] or type(error).__name__


def first_problem(error: ValidationError) -> str:
    """Return the first problem of a ValidationError as `field: message`. It omits the value, which may be a secret."""
    problem = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return harmless(f"{place}: {message}" if place else message)
