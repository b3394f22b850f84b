"""Runs the flow with Prefect, in the flow's process. Importing this takes seconds."""

from __future__ import annotations

import asyncio
from typing import cast

import prefect.server.api.server  # noqa: F401 - the ephemeral API; it is imported before this process is ready
from prefect import get_client
from prefect.client.orchestration import PrefectClient

from orchestration.prefect.flow import run_once
from orchestration.prefect.operate.api import prefect_api
from orchestration.report import RunReport


def prepare() -> None:
    """Make the tables of the ephemeral API, which takes seconds at the first demo of a clone."""
    with prefect_api(quiet=True):
        asyncio.run(_greet())


async def _greet() -> None:
    async with cast(PrefectClient, get_client()) as client:
        (await client.hello()).raise_for_status()


def run() -> RunReport:
    """Run the flow. Raises RunFailedError, with the report, if anything failed."""
    return run_once()
