"""The faults that can be switched on, and the decision which of them meets a request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mock_saas.history.randomness import SPACE_FAULT, Randomness

PAGE_PATHS = ("/v1/campaigns", "/v1/events")

ErrorStatus = Literal[401, 403, 429, 500, 503]


class RetryAfter(BaseModel):
    """A Retry-After header, in either of its two forms (RFC 9110, section 10.2.3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: Annotated[int, Field(ge=0, le=86_400)]
    form: Annotated[
        Literal["seconds", "http-date"], Field(description="an http-date counts from the provider's clock")
    ] = "seconds"


class _Fault(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[
        Literal["/v1/campaigns", "/v1/events", "/v1/campaigns/stats", "/v1/events/stats"] | None,
        Field(description="the path that it applies to; null: all of /v1"),
    ] = None
    rate: Annotated[float, Field(gt=0, le=1, description="share of the requests that it meets")] = 1.0
    skip: Annotated[int, Field(ge=0, description="requests that pass before it begins")] = 0
    count: Annotated[int | None, Field(ge=1, description="requests that it meets at most; null: no limit")] = None


class ErrorFault(_Fault):
    """An error response instead of the answer."""

    kind: Literal["error"]
    status: ErrorStatus
    retry_after: RetryAfter | None = None


class LatencyFault(_Fault):
    """A delayed response. Other faults still apply."""

    kind: Literal["latency"]
    seconds: Annotated[float, Field(gt=0, le=3600)]


class TruncateFault(_Fault):
    """The connection closes in the middle of the body, before Content-Length is reached."""

    kind: Literal["truncate"]


class InvalidJsonFault(_Fault):
    """A complete response whose body stops being valid JSON half way."""

    kind: Literal["invalid_json"]


class DropFault(_Fault):
    """The connection closes without an answer."""

    kind: Literal["drop"]


class RepeatPageFault(_Fault):
    """The page is right, but its next_cursor (a new one) leads to the same page again."""

    kind: Literal["repeat_page"]


class LoopCursorFault(_Fault):
    """The page is right, but its next_cursor is the very cursor of the request."""

    kind: Literal["loop_cursor"]


class EmptyPageFault(_Fault):
    """No records, though more follow: next_cursor leads to where the page would have begun."""

    kind: Literal["empty_page"]


PageFault = RepeatPageFault | LoopCursorFault | EmptyPageFault
TransportFault = ErrorFault | TruncateFault | InvalidJsonFault | DropFault
FaultSpec = Annotated[
    ErrorFault
    | LatencyFault
    | TruncateFault
    | InvalidJsonFault
    | DropFault
    | RepeatPageFault
    | LoopCursorFault
    | EmptyPageFault,
    Field(discriminator="kind"),
]


class InstalledFault(BaseModel):
    """A fault that is switched on, and the numbers of requests that it has seen and met."""

    id: int
    seen: Annotated[int, Field(description="requests on its path since it was switched on")]
    fired: Annotated[int, Field(description="requests that it met")]
    fault: FaultSpec


@dataclass(frozen=True)
class Verdict:
    """The faults of a request: the latencies, then at most one other fault."""

    latency_seconds: float = 0.0
    fault: TransportFault | PageFault | None = None


@dataclass
class _Counter:
    seen: int = 0
    fired: int = 0


@dataclass
class FaultRegistry:
    """The faults that are switched on, in the order of their installation. Deterministic for a seed.

    Whether the n-th request meets the i-th fault depends only on the seed, n and i.
    """

    randomness: Randomness
    _installed: dict[int, tuple[FaultSpec, _Counter]] = field(default_factory=dict)
    _next_id: int = 1
    _lock: Lock = field(default_factory=Lock)

    def install(self, fault: FaultSpec) -> InstalledFault:
        """Switch a fault on."""
        with self._lock:
            fault_id, self._next_id = self._next_id, self._next_id + 1
            self._installed[fault_id] = fault, _Counter()
        return InstalledFault(id=fault_id, seen=0, fired=0, fault=fault)

    def installed(self) -> Sequence[InstalledFault]:
        """Return all faults that are switched on."""
        with self._lock:
            return [
                InstalledFault(id=fault_id, seen=counter.seen, fired=counter.fired, fault=fault)
                for fault_id, (fault, counter) in self._installed.items()
            ]

    def remove(self, fault_id: int) -> bool:
        """Switch one fault off. Return whether it was on."""
        with self._lock:
            return self._installed.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Switch all faults off and restart their numbers, so that the same faults act in the same way again."""
        with self._lock:
            self._installed.clear()
            self._next_id = 1

    def judge(self, path: str) -> Verdict:
        """Return the faults of the next request on a path, and count the request."""
        latency = 0.0
        with self._lock:
            for fault in self._firing(path):
                if not isinstance(fault, LatencyFault):
                    return Verdict(latency, fault)
                latency += fault.seconds
        return Verdict(latency)

    def _firing(self, path: str) -> Iterator[FaultSpec]:
        for fault_id, (fault, counter) in self._installed.items():
            if fault.path not in (None, path) or (isinstance(fault, PageFault) and path not in PAGE_PATHS):
                continue
            counter.seen += 1
            if counter.seen <= fault.skip or counter.fired == fault.count:
                continue
            draw = self.randomness.word(SPACE_FAULT, fault_id << 40 | counter.seen) / 2**64
            if draw < fault.rate:
                counter.fired += 1
                yield fault
