"""Admission by an agent: runs of its own deployments as registered. All other runs are refused with a reason."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.filesystems import LocalFileSystem
from prefect.infrastructure import DockerContainer, Process
from prefect.states import Cancelling

from ingest.contracts.registry import ContractRegistry
from orchestration.prefect.deploy.deployments import DeploymentSpec, deployment_specs
from orchestration.prefect.deploy.registration import Code, register
from orchestration.runtime.admission import CODE, RefusedRunError
from orchestration.runtime.names import ENTRYPOINTS, INGEST_QUEUE, MAINTENANCE_QUEUE, PLATFORM_QUEUE, WORK_POOL
from orchestration.runtime.process_agent import ProcessAgent
from orchestration.runtime.warm import WarmProcesses
from tests.orchestration.prefect.conftest import QUIET, Server, deployment, running_agent, start_run
from tests.orchestration.prefect.entrypoints import ENTRYPOINTS as OF_TESTS

pytestmark = QUIET
MARK = "touched"
EVIL = "tests/orchestration/prefect/flows.py:evil"

Attack = Callable[[PrefectClient, Path], Awaitable[Mapping[str, Any]]]
"""What to change of a deployment."""


def test_an_agent_knows_the_deployments_that_are_registered_for_its_queues_and_no_others() -> None:
    registered: dict[str, dict[str, str]] = {}
    for spec in deployment_specs(ContractRegistry.load()):
        registered.setdefault(spec.queue, {})[spec.full_name] = spec.entrypoint
    assert registered == ENTRYPOINTS


async def taken(client: PrefectClient, run: FlowRun, entrypoints: Mapping[str, str] = OF_TESTS) -> Process:
    """Return the process that an agent would start. Raises RefusedRunError."""
    agent = ProcessAgent((PLATFORM_QUEUE,), entrypoints, None, WarmProcesses())
    agent.client = client
    return await agent.get_infrastructure(run)


async def registered(client: PrefectClient, spec: DeploymentSpec) -> uuid.UUID:
    made = await register(client, [spec], Code(CODE, "test"), alert_url=None)
    return made.deployments[spec.full_name]


async def run_of(client: PrefectClient, deployment_id: uuid.UUID, **asked: Any) -> FlowRun:
    """Return a run as an agent would find it. It is deleted, so that no agent of another test finds it."""
    answer = await client._client.post(f"/deployments/{deployment_id}/create_flow_run", json=asked)
    run = await client.read_flow_run(uuid.UUID(answer.raise_for_status().json()["id"]))
    await client.delete_flow_run(run.id)
    return run


async def saved(block: Any) -> str:
    return str(await block.save(f"evil-{uuid.uuid4().hex[:8]}"))


async def _pull_steps(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {folder / MARK}"}}
    return {"pull_steps": [step]}


async def _entrypoint(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"entrypoint": EVIL}


async def _module(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"entrypoint": "tests.orchestration.prefect.flows.sleeper"}


async def _path(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"path": str(folder)}


async def _storage(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"storage_document_id": await saved(LocalFileSystem(basepath=str(folder)))}


async def _manifest(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"manifest_path": str(folder / "manifest.json")}


async def _command(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    block = Process(working_dir=str(CODE), command=["touch", str(folder / MARK)])
    return {"infrastructure_document_id": await saved(block)}


async def _variables(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    block = Process(working_dir=str(CODE), env={"PYTHONPATH": str(folder), "AWS_ENDPOINT_URL": "http://elsewhere"})
    return {"infrastructure_document_id": await saved(block)}


async def _folder(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"infrastructure_document_id": await saved(Process(working_dir=str(folder)))}


async def _container(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"infrastructure_document_id": await saved(DockerContainer(image="evil"))}


async def _none(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"infrastructure_document_id": None}


async def _job_variables(client: PrefectClient, folder: Path) -> Mapping[str, Any]:
    return {"infra_overrides": {"command": ["touch", str(folder / MARK)]}}


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (_pull_steps, "it has steps that pull code"),
        (_entrypoint, f"its entrypoint is {EVIL}"),
        (_module, "its entrypoint is tests.orchestration"),
        (_path, "its code is in "),
        (_storage, "its code is in a storage"),
        (_manifest, "its code is in a storage"),
        (_command, "its infrastructure names a command"),
        (_variables, "its infrastructure sets AWS_ENDPOINT_URL, PYTHONPATH"),
        (_folder, "its infrastructure works in "),
        (_container, "its infrastructure is of the type docker-container"),
        (_none, "it has no infrastructure"),
        (_job_variables, "it has job variables (command)"),
    ],
    ids=lambda item: item.__name__.strip("_") if callable(item) else "",
)
def test_a_run_of_a_deployment_that_was_changed_is_refused(
    server: Server, tmp_path: Path, attack: Attack, words: str
) -> None:
    async def attacked(client: PrefectClient) -> None:
        spec = deployment("sleeper", INGEST_QUEUE)
        deployment_id = await registered(client, spec)
        whole = await client.read_deployment(deployment_id)
        assert await taken(client, await run_of(client, deployment_id))
        as_made = {
            "flow_id": str(whole.flow_id),
            "name": spec.name,
            "path": whole.path,
            "entrypoint": whole.entrypoint,
            "infrastructure_document_id": str(whole.infrastructure_document_id),
        }
        changed = {**as_made, **await attack(client, tmp_path)}
        (await client._client.post("/deployments/", json=changed)).raise_for_status()
        with pytest.raises(RefusedRunError) as caught:
            await taken(client, await run_of(client, deployment_id))
        assert words in str(caught.value)

    server.call(attacked)


def test_a_run_of_somebody_else_s_deployment_or_with_job_variables_or_of_none_is_refused(server: Server) -> None:
    async def asked(client: PrefectClient) -> None:
        deployment_id = await registered(client, deployment("sleeper", INGEST_QUEUE))
        run = await run_of(client, deployment_id, job_variables={"env": {"LD_PRELOAD": "x"}})
        with pytest.raises(RefusedRunError, match=r"the run has job variables \(env\)"):
            await taken(client, run)
        with pytest.raises(RefusedRunError, match="it is a run of no deployment"):
            await taken(client, run.copy(update={"deployment_id": None}))
        for agent in (PLATFORM_QUEUE, INGEST_QUEUE, MAINTENANCE_QUEUE):
            with pytest.raises(RefusedRunError, match="test-sleeper/test is none of this agent's deployments"):
                await taken(client, run, ENTRYPOINTS[agent])

    server.call(asked)


def test_what_is_run_is_what_the_agent_knows_and_nothing_that_the_api_says(server: Server) -> None:
    async def asked(client: PrefectClient) -> Process:
        deployment_id = await registered(client, deployment("sleeper", INGEST_QUEUE))
        return await taken(client, await run_of(client, deployment_id))

    process = server.call(asked)
    assert process.working_dir == str(CODE)
    assert set(process.env) == {"PYTHONWARNINGS", "PREFECT__FLOW_RUN_ID", "PREFECT__FLOW_ENTRYPOINT"}
    assert process.env["PREFECT__FLOW_ENTRYPOINT"] == OF_TESTS["test-sleeper/test"]


@pytest.mark.slow
def test_an_agent_runs_nothing_but_its_own_and_ends_no_process_but_its_own(server: Server, tmp_path: Path) -> None:
    """What a page could do with the API: a run of pulled code, one that is changed once it was taken, a kill."""

    async def foreign(client: PrefectClient) -> uuid.UUID:
        made = await client.create_deployment(
            flow_id=await client.create_flow_from_name("test-sleeper"),
            name="foreign",
            work_pool_name=WORK_POOL,
            work_queue_name=MAINTENANCE_QUEUE,
            path=str(CODE),
            entrypoint=OF_TESTS["test-sleeper/test"],
            **await _pull_steps(client, tmp_path),
        )
        return (await client.create_flow_run_from_deployment(made)).id

    own = start_run(server, deployment("sleeper"), seconds=600)
    refused = server.call(foreign)
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with running_agent("tests.orchestration.prefect.platform_agent", server.api_url, tmp_path / "agent") as agent:
            state = server.wait_for(refused, ["Failed"]).state
            assert state is not None
            assert str(state.message).startswith("Refused: test-sleeper/foreign is none of this agent's deployments")
            agent.wait_for_line("Refused: test-sleeper/foreign")
            assert "Traceback" not in agent.log.read_text()

            pid = str(server.wait_for(own, ["Running"]).infrastructure_pid)
            theirs = f"{pid.partition(':')[0]}:{victim.pid}"
            server.call(lambda client: client.update_flow_run(own, infrastructure_pid=theirs))
            server.call(lambda client: client.set_flow_run_state(own, Cancelling()))
            server.wait_for(own, ["Cancelled"])
            assert victim.poll() is None
            assert agent.stop() == 0
    finally:
        victim.kill()
        victim.wait()
    assert not (tmp_path / MARK).exists()


class Evil:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_result_that_the_api_hands_out_is_never_read(tmp_path: Path) -> None:
    """Prefect takes a pickle in a state for a result, and anybody who reaches the API can set a state."""
    made = tmp_path / "made"
    blob = base64.encodebytes(pickle.dumps(Evil(made))).decode()
    in_state = {"encoding": "cloudpickle", "blob": blob}
    named = {
        "type": "reference",
        "serializer_type": "pickle",
        "storage_block_id": str(uuid.uuid4()),
        "storage_key": str(tmp_path / "blob"),
    }
    program = (
        "import json, os, sys\n"
        "from prefect.client.schemas.objects import State\n"
        "from orchestration.runtime.results import ForeignResultError, read_no_results\n"
        "def read(data, **how):\n"
        "    state = State.parse_obj({'type': 'COMPLETED', 'data': data})\n"
        "    try:\n"
        "        state.result(**how)\n"
        "        return 'read'\n"
        "    except ForeignResultError:\n"
        "        return 'refused'\n"
        "in_state, named, made = json.loads(sys.argv[1])\n"
        # Without the refusal, reading it runs it.
        "print(read(in_state, fetch=False), os.path.exists(made))\n"
        "os.rmdir(made)\n"
        "read_no_results()\n"
        "print(read(in_state), read(named), os.path.exists(made))\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, json.dumps([in_state, named, str(made)])]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == ["read True", "refused refused False"]
