"""Registers the platform with a Prefect server: python -m orchestration.prefect.deploy.deploy."""

from __future__ import annotations

import asyncio
import signal
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from prefect._internal.compatibility.deprecated import PrefectDeprecationWarning
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL
from rich.console import Console

from ingest.contracts.registry import ContractRegistry
from ingest.errors import AccessError, ConfigurationError, PlatformError, TransientError, UnreachableError
from ingest.retry_policies import SERVER_START
from ingest.terminal import fail
from orchestration.prefect.deploy.deployments import deployment_specs
from orchestration.prefect.deploy.follow import start_and_follow
from orchestration.prefect.deploy.registration import Code, Registered, register
from orchestration.prefect.deploy.settings import DeploySettings
from orchestration.runtime.client import async_client, let_events_log_in
from orchestration.runtime.names import BACKFILL, FULL, PLATFORM_FLOW
from orchestration.settings import REPOSITORY, OrchestrationSettings


@asynccontextmanager
async def server() -> AsyncIterator[PrefectClient]:
    """Yield a client of the configured server, once it responds.

    Raises ConfigurationError if none is configured, UnreachableError if it does not respond within a minute,
    AccessError if it demands a login, and TransientError for a request that fails within the block.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise ConfigurationError(
            "PREFECT_API_URL is not set, and deployments need a Prefect server",
            hint="Set it to the server's API, such as http://127.0.0.1:4200/api; without one, leave out --deploy.",
        )
    let_events_log_in()
    async with async_client() as client:
        await _until_it_answers(client, url)
        try:
            yield client
        except httpx.HTTPError as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == httpx.codes.UNAUTHORIZED:
                raise AccessError(
                    f"the Prefect server at {url} asks for a login",
                    hint="Set PREFECT_API_KEY to the server's SERVER_AUTH_STRING, user:password.",
                ) from error
            raise TransientError(f"the Prefect server at {url} failed: {str(error) or type(error).__name__}") from error


async def deploy(client: PrefectClient) -> Registered:
    """Register everything, by the environment's settings. Raises ConfigurationError."""
    settings = DeploySettings.load()
    registry = ContractRegistry.load(OrchestrationSettings.load().contracts_dir)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrefectDeprecationWarning)
        return await register(
            client,
            deployment_specs(registry, settings.schedules),
            Code(REPOSITORY, settings.release),
            alert_url=settings.alert_webhook_url,
        )


async def _until_it_answers(client: PrefectClient, url: str) -> None:
    fault = await client.api_healthcheck()
    for _ in range(SERVER_START.further_tries):
        if fault is None:
            return
        await asyncio.sleep(SERVER_START.first_wait)
        fault = await client.api_healthcheck()
    if fault is None:
        return
    raise UnreachableError(
        f"the Prefect server at {url} does not answer: {str(fault) or type(fault).__name__}",
        hint="Is it up, and is PREFECT_API_URL right?",
    )


def deploy_and_run(parameters: Mapping[str, object], console: Console) -> int:
    """Register everything, run the deployment `full` with `parameters` on the agent, and follow it. Return the exit
    code.

    Raises ConfigurationError for a window, because windows belong to the deployment `backfill`.
    """
    if parameters.get("backfill_from") or parameters.get("backfill_to"):
        raise ConfigurationError(
            "--deploy runs the deployment `full`, which takes no window",
            hint="Register with --deploy, then run the deployment `backfill`: `prefect deployment run "
            f"{PLATFORM_FLOW}/{BACKFILL} -p 'streams=[\"orders\"]' -p backfill_from=2026-01-01 "
            "-p backfill_to=2026-01-02`.",
        )
    given = {name: value for name, value in parameters.items() if value is not None}
    try:
        return asyncio.run(_deploy_and_run(given, console))
    except KeyboardInterrupt:
        console.print("No longer followed. A run that was started goes on: its agent runs it.")
        return 128 + signal.SIGINT


async def _deploy_and_run(parameters: Mapping[str, object], console: Console) -> int:
    async with server() as client:
        registered = await deploy(client)
        _print(registered, console)
        return await start_and_follow(client, registered.deployments[f"{PLATFORM_FLOW}/{FULL}"], parameters, console)


async def _deploy(console: Console) -> None:
    async with server() as client:
        _print(await deploy(client), console)


def _print(registered: Registered, console: Console) -> None:
    for name in registered.deployments:
        console.print(f"Registered {name}")
    for name, times in registered.kept.items():
        console.print(f"{name} keeps the schedule that was set in Prefect: {times}")
    console.print("Alerts are sent to ALERT_WEBHOOK_URL" if registered.alerts else "No alerts: no ALERT_WEBHOOK_URL")


if __name__ == "__main__":
    try:
        asyncio.run(_deploy(Console(highlight=False)))
    except PlatformError as failure:
        fail(failure)
