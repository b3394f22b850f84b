"""Makes the description of the dbt project to run, from the settings and the warehouse."""

from __future__ import annotations

from orchestration.business_time import as_variable
from orchestration.dbt.runner import DbtProject
from orchestration.runs import RunFolder
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.protocol import Warehouse


def dbt_project(
    settings: OrchestrationSettings, warehouse: Warehouse, folder: RunFolder, *, full_tests: bool = True
) -> DbtProject:
    """Return dbt's project against `warehouse`, with its parsing kept in `folder`.

    Without `full_tests`, tests of keys and relationships check only new rows.
    """
    salt = settings.require_salt()
    return DbtProject(
        project_dir=settings.dbt_project_dir,
        profiles_dir=settings.dbt_profiles_dir,
        target=settings.target,
        threads=settings.dbt_threads,
        environment={
            **settings.schemas.environment,
            **warehouse.dbt_environment(),
            "EMAIL_SALT": salt,
            "ENVIRONMENT": settings.environment,
            "FLOW_RUN_ID": folder.path.name,
            "FULL_TESTS": str(full_tests).lower(),
            **(as_variable(settings.business_now) if settings.business_now else {"BUSINESS_NOW": ""}),
        },
        partial_parse=folder.partial_parse,
        secrets=(salt, *warehouse.secrets),
    )
