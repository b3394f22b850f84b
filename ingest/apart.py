"""Work on several streams, one of which may fail without stopping the others.

An `Outcome` keeps any PlatformError of a stream. `apart` keeps only a DamagedLakeError, to raise it at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from ingest.contracts.model import StreamContract
from ingest.errors import DamagedLakeError, PlatformError

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """A stream's result, or the error that ended it."""

    stream: str
    result: T | None = None
    error: PlatformError | None = None


def attempt(stream: str, work: Callable[[], T]) -> Outcome[T]:
    """Return the result of `work`, or the PlatformError that it raised. Any other exception is a bug and is raised."""
    try:
        return Outcome(stream, result=work())
    except PlatformError as error:
        return Outcome(stream, error=error)


def attempt_all(streams: Iterable[str], work: Callable[[str], T], *, at_once: int) -> list[Outcome[T]]:
    """Do `work` for each stream, `at_once` at a time. Return the outcomes in the order of `streams`."""
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="streams") as pool:
        return list(pool.map(lambda stream: attempt(stream, lambda: work(stream)), streams))


@dataclass(frozen=True)
class Apart(Generic[T]):
    """The results of the streams whose log is sound, in the order of the streams, and the errors of the other
    streams.
    """

    results: tuple[T, ...]
    errors: tuple[DamagedLakeError, ...]

    def require_sound(self) -> None:
        """Raise the error if there is one. Raise one error that names all of them if there are several."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            named = "\n".join(f"  {error.stream}: {error.message}" for error in self.errors)
            raise DamagedLakeError(
                f"the logs of {len(self.errors)} streams are damaged:\n{named}\n", hint=self.errors[0].hint
            )


def apart(contracts: Iterable[StreamContract], work: Callable[[StreamContract], T], *, at_once: int = 1) -> Apart[T]:
    """Do `work` for each stream, `at_once` at a time. Keep a stream's DamagedLakeError, and raise any other error."""

    def one(contract: StreamContract) -> T | DamagedLakeError:
        try:
            return work(contract)
        except DamagedLakeError as error:
            error.stream = error.stream or contract.stream
            return error

    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="streams") as pool:
        found = list(pool.map(one, contracts))
    return Apart(
        results=tuple(item for item in found if not isinstance(item, DamagedLakeError)),
        errors=tuple(item for item in found if isinstance(item, DamagedLakeError)),
    )
