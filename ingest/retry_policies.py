"""The policy of every retry loop: number of tries, waits, and budget.

This module holds all such numbers, including those of orchestration. No other module may have a number of its own.
`python -m ingest.retry_policies` prints them as the table in docs/ARCHITECTURE.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

OF_THE_STREAM = "WAIT_BUDGET_SECONDS, one for each stream and run"
OF_THE_LOAD = "LOAD_WAIT_BUDGET_SECONDS, one for each stream and run"


@dataclass(frozen=True)
class RetryPolicy:
    """The policy of one loop. Waits are in seconds.

    A wait grows at random from `first_wait` up to `longest_wait`; if the two are equal, it is fixed. `tries` limits the
    tries after any fault, and `unreachable_tries` those after no answer at all; they are the same by default, and None
    is no limit. `budget` names the budget that the waits are taken from, and `budget_seconds` is its limit.
    """

    what: str
    where: str
    tries: int | None
    first_wait: float
    longest_wait: float
    budget: str
    unreachable_tries: int | None = None
    budget_seconds: float | None = None

    @property
    def further_tries(self) -> int:
        """Number of tries after the first one, for a loop that has a limit."""
        return (self.tries or 1) - 1

    @property
    def longest_budget(self) -> float:
        """Seconds that the loop's waits may take at most; infinite if only the stream's budget limits them."""
        return math.inf if self.budget_seconds is None else self.budget_seconds

    def tries_at(self, *, unreachable: bool) -> int | None:
        """Return the number of tries in all; None for no limit."""
        return self.unreachable_tries or self.tries if unreachable else self.tries


FLOOR = 0.5
"""The shortest wait after a provider's Retry-After, however short that is: else tries would cost nothing."""
LONGEST_UNDER_A_REQUEST = 5.0
"""The longest wait that is added where a provider asks to come back sooner."""

# Landing a stream, from the inmost loop to the outmost.
API_REQUEST = RetryPolicy(
    "one request to the provider's API", "inside a try of the stream", 6, 0.5, 20.0, OF_THE_STREAM
)
LAKE_REQUEST = RetryPolicy(
    "one request to S3 (botocore's own loop)", "inside every use of the lake", 4, 1.0, 4.0, "none: 7 s at most"
)
LAKE_BODY = RetryPolicy(
    "reading an object whose body broke off or was altered", "around the requests to S3", 3, 0.0, 0.0, "no waits"
)
STREAM_FROM_POSTGRES = RetryPolicy(
    "a stream from Postgres, on a fresh snapshot", "inside a task", 4, 0.5, 20.0, OF_THE_STREAM, unreachable_tries=10
)
STREAM_FROM_API = RetryPolicy(
    "a stream from the API, from its last commit on", "inside a task", 2, 0.5, 20.0, OF_THE_STREAM
)
OPENING = RetryPolicy(
    "opening a source",
    "before its streams, or inside a worker's flow run",
    4,
    0.5,
    20.0,
    f"{OF_THE_STREAM}; 60 s of it at most",
    unreachable_tries=10,
    budget_seconds=60.0,
)
TASK = RetryPolicy(
    "a task of Prefect's: land or load a stream, or reconcile",
    "inside a run of the flow",
    3,
    10.0,
    20.0,
    "the stream's budget of the step, landing or loading; a final error ends it",
)
"""By default: TASK_RETRIES and TASK_RETRY_SECONDS set both."""
HAND_OUT = RetryPolicy(
    "handing a stream to a worker, after one that died", "inside its task, over all its tries", 4, 0.0, 0.0, "no waits"
)
VERIFY = RetryPolicy(
    "comparing a stream that another run lands just then", "inside a run of `verify`", 3, 0.0, 0.0, "no waits"
)

# Loading and counting.
LOAD_STATEMENT = RetryPolicy(
    "preparing a table, or comparing the ledger", "inside a task", 6, 0.5, 20.0, OF_THE_LOAD, unreachable_tries=1
)
LOAD_VERSION = RetryPolicy("loading one version", "inside a task", 6, 0.5, 20.0, OF_THE_LOAD, unreachable_tries=10)
LAKE_COUNT = RetryPolicy(
    "counting a stream in the lake",
    "inside the task `reconcile`",
    6,
    0.5,
    20.0,
    "60 s for each stream and run",
    budget_seconds=60.0,
)
LAKE_SCAN = RetryPolicy(
    "one request of DuckDB's to S3 (httpfs' own loop)",
    "where DuckDB reads the lake",
    4,
    0.1,
    1.6,
    "none: 2.1 s at most",
)
SNOWFLAKE_REQUEST = RetryPolicy(
    "one request to Snowflake (the connector's own loop)",
    "inside every statement",
    None,
    1.0,
    16.0,
    "SNOWFLAKE_NETWORK_TIMEOUT_SECONDS each",
    budget_seconds=120.0,
)
"""The connector chooses the waits. The budget is the setting's default."""
LEASE = RetryPolicy(
    "one statement about the writer's lease in Snowflake", "in a run", 6, 0.5, 20.0, "20 s each", budget_seconds=20.0
)
COPY_HISTORY = RetryPolicy(
    "the doctor's look for a COPY in the account's history", "inside one check", 3, 2.0, 2.0, "none: 4 s at most"
)
WAREHOUSE_FILE = RetryPolicy(
    "opening the DuckDB file, which another program has open",
    "before a run writes",
    None,
    0.2,
    0.2,
    "WAREHOUSE_LOCK_SECONDS",
    budget_seconds=30.0,
)
"""The budget is the setting's; its own is for what has no settings."""

# Prefect's server and what surrounds a run.
SERVER_CONNECTION = RetryPolicy(
    "connecting to Prefect's server",
    "in every process of Prefect's",
    None,
    1.0,
    1.0,
    "120 s each",
    budget_seconds=120.0,
)
SERVER_ANSWER = RetryPolicy(
    "asking how a handed-out run goes", "while it is followed", 10, 1.0, 1.0, "none: 10 s at most"
)
SERVER_START = RetryPolicy(
    "waiting for Prefect's server before registering deployments", "`flow.py --deploy`", 60, 1.0, 1.0, "none: 60 s"
)
AGENT_START = RetryPolicy("an agent's preparations", "when an agent starts", None, 2.0, 2.0, "none: until they succeed")
ALERT = RetryPolicy("sending an alert", "after a run", 3, 2.0, 2.0, "none: 4 s at most")
LOCAL_POSTGRES = RetryPolicy(
    "starting the embedded Postgres on a port that was taken meanwhile", "`make demo`", 3, 0.0, 0.0, "no waits"
)

ALL: tuple[RetryPolicy, ...] = tuple(value for value in list(vars().values()) if isinstance(value, RetryPolicy))


def table() -> str:
    """Return the table of all loops, in Markdown."""
    head = "| what is tried again | where | tries | waits | from which budget |\n|---|---|---|---|---|\n"
    return head + "".join(_row(policy) for policy in ALL)


def _row(policy: RetryPolicy) -> str:
    cells = (policy.what, policy.where, _tries(policy), _waits(policy), policy.budget)
    return f"| {' | '.join(cells)} |\n"


def _tries(policy: RetryPolicy) -> str:
    if policy.tries is None:
        return "as the budget holds" if policy.budget_seconds else "no limit"
    if policy.unreachable_tries is None:
        return str(policy.tries)
    return f"{policy.tries}; {policy.unreachable_tries} if nothing answers"


def _waits(policy: RetryPolicy) -> str:
    if not policy.longest_wait:
        return "none"
    if policy.first_wait == policy.longest_wait:
        return f"{policy.first_wait:g} s"
    return f"{policy.first_wait:g} to {policy.longest_wait:g} s"


if __name__ == "__main__":
    print(table(), end="")
