"""Prefect's retries of a task: only after a transient fault, and with waits taken from the stream's budget."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import TaskRun
from prefect.states import State

from ingest.errors import TransientError
from ingest.retry import Budget, give_up, may_be_retried
from orchestration.settings import OrchestrationSettings


def is_transient(task: Any, task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether another try may help. The error's type decides, and whether it is final."""
    return may_be_retried(state.result(raise_on_failure=False))


class TaskRetries:
    """The retries of one step's tasks. Thread-safe."""

    def __init__(self, settings: OrchestrationSettings) -> None:
        self._waits = [settings.task_retry_seconds * 2**number for number in range(settings.task_retries)]
        self._failed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def of(self, task: Task[Any, Any]) -> Task[Any, Any]:
        """Return the task with these retries. Its `retry_condition_fn` retries only transient faults."""
        if not self._waits:
            return task
        retried: Task[Any, Any] = task.with_options(
            retries=len(self._waits),
            retry_delay_seconds=self._waits,
            task_run_name=task.task_run_name,  # otherwise it is forgotten
        )
        return retried

    @contextmanager
    def paid_by(self, budget: Budget, stream: str) -> Iterator[None]:
        """Run one try of a stream's task. Prefect's wait before the next one is taken from `budget`.

        If that wait does not fit, the error becomes final, and the task is not tried again.
        """
        try:
            yield
        except TransientError as error:
            with self._lock:
                number = self._failed[stream]
                self._failed[stream] += 1
            if number < len(self._waits) and not error.final:
                if self._waits[number] > budget.seconds:
                    give_up(error, budget)
                else:
                    budget.spend(self._waits[number])
            raise
