"""The imports of the fork server, on behalf of all flow runs. None of them starts a thread."""

from __future__ import annotations

from importlib import import_module

from common.garbage import collect_seldom, leave_out_present_objects

_MODULES = (
    *("prefect.engine", "prefect.deployments", "boto3", "psycopg2", "pydantic_settings"),
    *("ingest.contracts.registry", "ingest.lake.log", "ingest.settings"),
)

collect_seldom()
for _module in _MODULES:
    import_module(_module)
leave_out_present_objects()
