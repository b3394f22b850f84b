"""The admission of runs by an agent: it runs only deployments that it knows, as this release registers them.

Anybody who reaches Prefect's API can create deployments and change ours: another entrypoint, steps that pull code, an
infrastructure with a command, environment variables. So an agent carries out nothing that the API says of a deployment.
It knows by itself which entrypoint belongs to which deployment. It refuses a run of any other deployment, or of one
that was changed, with the reason in the run's state. It takes only two things from the API: a run's parameters, which
the flow validates, and the requests to begin or to cancel a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prefect.client.schemas.objects import BlockDocument, FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.infrastructure import Process

WARNINGS = "ignore::RuntimeWarning:runpy,ignore::DeprecationWarning:__main__"
"""What Prefect's engine warns of with each run: how it is started, and that it is old."""

CODE = Path(__file__).resolve().parents[2]
"""The folder that entrypoints are relative to."""

_PROCESS = "process"
_OWN_VARIABLES = {"PYTHONWARNINGS": WARNINGS}


class RefusedRunError(Exception):
    """This agent does not take the run. The message is the reason."""


@dataclass(frozen=True)
class AskedRun:
    """A flow run with the flow and deployment that the API names for it. Both are None for a run without deployment."""

    run: FlowRun
    flow: str | None = None
    deployment: DeploymentResponse | None = None
    infrastructure: BlockDocument | None = None


def process_block(code: Path = CODE) -> Process:
    """Return the infrastructure of every run: a process in the code's own folder, without any setting of a
    deployment.
    """
    return Process(working_dir=str(code), env=dict(_OWN_VARIABLES))


def admitted_process(asked: AskedRun, entrypoints: Mapping[str, str]) -> Process:
    """Return the process that runs the flow run. `entrypoints` are keyed by the deployments' full names
    `flow/deployment`.

    It loads the entrypoint that this agent knows, even if the API's deployment changes. Raises RefusedRunError.
    """
    reasons = list(_reasons(asked, entrypoints))
    if reasons:
        raise RefusedRunError(
            f"Refused: {'; '.join(reasons)}. An agent runs only deployments that this release registers. "
            "`python orchestration/prefect/flow.py --deploy` registers it again."
        )
    process = process_block().prepare_for_flow_run(asked.run)
    # Prefect's engine loads this entrypoint, and does not ask the API for the deployment's.
    return process.copy(update={"env": {**process.env, "PREFECT__FLOW_ENTRYPOINT": entrypoints[_full_name(asked)]}})


def _full_name(asked: AskedRun) -> str:
    return f"{asked.flow}/{asked.deployment.name}" if asked.deployment else ""


def _reasons(asked: AskedRun, entrypoints: Mapping[str, str]) -> Iterator[str]:
    deployment = asked.deployment
    if deployment is None:
        yield "it is a run of no deployment"
        return
    name = _full_name(asked)
    if name not in entrypoints:
        yield f"{name} is none of this agent's deployments ({', '.join(sorted(entrypoints))})"
        return
    if deployment.entrypoint != entrypoints[name]:
        yield f"its entrypoint is {deployment.entrypoint}, and not {entrypoints[name]}"
    if deployment.path != str(CODE):
        yield f"its code is in {deployment.path}, and this agent's in {CODE}"
    if deployment.pull_steps:
        yield "it has steps that pull code"
    if deployment.storage_document_id is not None or deployment.manifest_path is not None:
        yield "its code is in a storage"
    if deployment.job_variables:
        yield f"it has job variables ({', '.join(map(str, deployment.job_variables))})"
    if asked.run.job_variables:
        yield f"the run has job variables ({', '.join(map(str, asked.run.job_variables))})"
    yield from _reasons_of_infrastructure(asked.infrastructure)


def _reasons_of_infrastructure(block: BlockDocument | None) -> Iterator[str]:
    if block is None:
        yield "it has no infrastructure"
        return
    kind = block.block_type.slug if block.block_type else None
    if kind != _PROCESS:
        yield f"its infrastructure is of the type {kind}, and not {_PROCESS}"
        return
    if block.data.get("command"):
        yield "its infrastructure names a command"
    if block.data.get("working_dir") != str(CODE):
        yield f"its infrastructure works in {block.data.get('working_dir')}"
    variables = set(block.data.get("env") or {}) - set(_OWN_VARIABLES)
    if variables:
        yield f"its infrastructure sets {', '.join(sorted(variables))}"
