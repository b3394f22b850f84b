"""Log lines of task runs that are recorded through the API: sent in batches, so that many lines cost few calls.

Prefect's own handler batches too, but it only takes lines that belong to a flow run, and shows all of them in the
flow run's log. Here a line that belongs only to a task run appears only on that task run's page.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

import pendulum
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import LogCreate

_BATCH_SECONDS = 1.0
_LINES_A_CALL = 200
_CHARACTERS_A_LINE = 20_000


class TaskRunLogs:
    """A buffer of log lines, sent once a second. Not thread-safe: it belongs to one event loop."""

    def __init__(self, client: PrefectClient, *, name: str) -> None:
        """Prepare a buffer. `name` is the logger that the UI shows beside each line."""
        self._client = client
        self._name = name
        self._lines: list[LogCreate] = []
        self._closing = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    def add(self, task_run_id: UUID, level: int, text: str, at: datetime) -> None:
        """Send a line soon. `level` is a level of the logging module. A very long line is cut."""
        self._lines.append(
            LogCreate(
                name=self._name,
                level=level,
                message=text if len(text) <= _CHARACTERS_A_LINE else f"{text[:_CHARACTERS_A_LINE]} ...",
                timestamp=pendulum.instance(at),
                flow_run_id=None,
                task_run_id=task_run_id,
            )
        )
        if self._sending is None or (self._sending.done() and self._sending.exception() is None):
            self._sending = asyncio.create_task(self._send_soon())

    async def close(self) -> None:
        """Send the remaining lines. Raises the API's error if a line could not be sent."""
        self._closing.set()
        if self._sending is not None:
            await self._sending
        await self._send()

    async def _send_soon(self) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), _BATCH_SECONDS)
        except TimeoutError:
            await self._send()

    async def _send(self) -> None:
        while self._lines:
            batch, self._lines = self._lines[:_LINES_A_CALL], self._lines[_LINES_A_CALL:]
            await self._client.create_logs(batch)
