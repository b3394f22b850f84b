"""The services that the steps of one run share."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.lake.objects.store import ObjectStore
from ingest.settings import IngestSettings
from orchestration.prefect.run.parameters import RunParameters
from orchestration.progress import Progress
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.connect import open_warehouse
from orchestration.warehouse.protocol import Warehouse


@dataclass(frozen=True)
class StepServices:
    """Settings, contracts and connections of a run. `selected` are the contracts of the requested streams."""

    run_id: str
    parameters: RunParameters
    settings: OrchestrationSettings
    ingest_settings: IngestSettings
    registry: ContractRegistry
    selected: tuple[StreamContract, ...]
    store: ObjectStore
    warehouse: Warehouse
    progress: Progress
    run_name: str | None = None

    @classmethod
    def for_run(
        cls, run_id: str, parameters: RunParameters, progress: Progress, *, run_name: str | None = None
    ) -> StepServices:
        """Return services by the environment's settings.

        Raises ConfigurationError for a bad setting or an unknown stream.
        """
        settings = OrchestrationSettings.load()
        registry = ContractRegistry.load(settings.contracts_dir)
        return cls(
            run_id=run_id,
            parameters=parameters,
            settings=settings,
            ingest_settings=IngestSettings.load(),
            registry=registry,
            selected=tuple(registry.select(parameters.streams)),
            store=ObjectStore(settings.lake),
            warehouse=open_warehouse(
                settings, run_id=run_id, on_wait=lambda holder: progress.step("wait", f"for {holder}")
            ),
            progress=progress,
            run_name=run_name,
        )
