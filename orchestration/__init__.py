"""Sources to marts: the warehouses, dbt, reconciliation and the flow, and the Prefect processes that run them."""

from common.prefect_server import defer_prefect_server

# Before any module of this package imports Prefect.
defer_prefect_server()
