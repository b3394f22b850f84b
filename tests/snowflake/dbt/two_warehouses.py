"""One lake, loaded and built twice: by the real loaders and dbt adapters into DuckDB and into Snowflake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.apart import Outcome
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, LoadResult, load_streams
from orchestration.warehouse.ops.tables import ensure_ops_tables
from orchestration.warehouse.protocol import Purpose, Warehouse
from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse
from tests.dbt.running.project import Dbt, DbtResult
from tests.snowflake.dbt.landed_lake import LandedLake
from tests.snowflake.dbt.relations import Relation, read_relation

_RELATIONS = ("model", "snapshot")
MODELS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
MODELS_AND_DATA_TESTS = ("--exclude-resource-type", "unit_test")


@dataclass(frozen=True)
class Built:
    """A warehouse with dbt."""

    warehouse: Warehouse
    dbt: Dbt

    def load(self, lake: LandedLake) -> dict[str, Outcome[LoadResult]]:
        """Load all streams. Return the outcomes."""
        loader = Loader(lake.store, "RAW", run_id="parity")
        with self.warehouse.connect(Purpose.PUBLISH) as session:
            ensure_ops_tables(session, "MART")
        with self.warehouse.connect() as session:
            outcomes = load_streams(loader, session, list(lake.contracts.values()), concurrency=2)
        return {outcome.stream: outcome for outcome in outcomes}

    def reload(self, lake: LandedLake, stream: str) -> None:
        """Build a stream's tables in RAW again from the lake."""
        with self.warehouse.connect() as session:
            Loader(lake.store, "RAW", run_id="parity").forget(session, lake.contracts[stream])
        assert self.load(lake)[stream].error is None

    def build(self, *selection: str) -> DbtResult:
        """Run dbt build, which must succeed."""
        return self.dbt.succeed("build", *selection, FULL_TESTS="false")

    def relations(self, names: Iterable[tuple[str, str]]) -> dict[str, Relation]:
        """Return relations by `SCHEMA.NAME`."""
        with self.warehouse.connect(Purpose.AUDIT) as session:
            return {f"{schema}.{name}": read_relation(session, schema, name) for schema, name in names}


@dataclass
class TwoWarehouses:
    """The same lake in DuckDB and in Snowflake."""

    lake: LandedLake
    duckdb: Built
    snowflake: Built

    def build(self) -> DbtResult:
        """Build both warehouses: models in DuckDB, models and data tests in Snowflake. Return Snowflake's result."""
        with ThreadPoolExecutor(1) as pool:
            duckdb = pool.submit(self.duckdb.build, *MODELS)
            built = self.snowflake.build(*MODELS_AND_DATA_TESTS)
            duckdb.result()
        return built

    def relations(self, manifest: Mapping[str, Any]) -> tuple[dict[str, Relation], dict[str, Relation]]:
        """Return all relations of a dbt manifest, as each warehouse holds them."""
        nodes = manifest["nodes"].values()
        names = [(node["schema"], node["alias"].upper()) for node in nodes if node["resource_type"] in _RELATIONS]
        return self.duckdb.relations(names), self.snowflake.relations(names)


def two_warehouses(
    lake: LandedLake, duckdb: DuckDBWarehouse, snowflake: SnowflakeWarehouse, work: Path
) -> TwoWarehouses:
    """Return both warehouses, empty. dbt works beside DuckDB's file, and in a folder of `work`."""
    return TwoWarehouses(
        lake,
        Built(duckdb, _dbt(duckdb.path.parent, duckdb.dbt_environment(), "duckdb")),
        Built(snowflake, _dbt(work / "snowflake", snowflake.dbt_environment(), "snowflake")),
    )


def _dbt(work: Path, environment: Mapping[str, str], target: str) -> Dbt:
    work.mkdir(exist_ok=True)
    return Dbt(work, variables={**environment, "DBT_TARGET": target}, manifest=target == "snowflake")
