"""The settings of orchestration: environment variables (or a `.env` file), each with its default."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from common.environment import is_dev
from ingest.contracts.registry import PACKAGED
from ingest.errors import ConfigurationError
from ingest.retry_policies import TASK
from ingest.settings import GuardedSettings, LakeSettings, Settings
from orchestration.business_time import parse_moment

REPOSITORY = Path(__file__).resolve().parent.parent
_DEMO_SALT = "dev-only-salt"
"""The salt where ENVIRONMENT is dev and none is given."""


_AMOUNT = re.compile(r"\s*\d+(\.\d+)?\s*(%|([KMGT]i?)?B|bytes?)\s*", re.IGNORECASE)
"""An amount of memory as DuckDB takes it."""


class WarehouseKind(StrEnum):
    """The warehouse that the lake is loaded into."""

    DUCKDB = "duckdb"
    SNOWFLAKE = "snowflake"


class Schemas(Settings):
    """The names of the warehouse's schemas."""

    raw: str = Field(default="RAW", validation_alias="RAW_SCHEMA")
    staging: str = Field(default="STAGING", validation_alias="STAGING_SCHEMA")
    intermediate: str = Field(default="INTERMEDIATE", validation_alias="INTERMEDIATE_SCHEMA")
    mart: str = Field(default="MART", validation_alias="MART_SCHEMA")
    snapshots: str = Field(default="SNAPSHOTS", validation_alias="SNAPSHOTS_SCHEMA")

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that give dbt the schemas' names. dbt takes an empty variable for a name."""
        names = (self.raw, self.staging, self.intermediate, self.mart, self.snapshots)
        variables = ("RAW_SCHEMA", "STAGING_SCHEMA", "INTERMEDIATE_SCHEMA", "MART_SCHEMA", "SNAPSHOTS_SCHEMA")
        return dict(zip(variables, names, strict=True))


class ReaderSettings(Settings):
    """The settings of a reader of the marts: their location, and the limits of a query."""

    warehouse: WarehouseKind = Field(default=WarehouseKind.DUCKDB, validation_alias="WAREHOUSE")
    warehouse_dir: Path = Field(default=Path(".local/warehouse"), validation_alias="WAREHOUSE_DIR")
    """The folder of the DuckDB files: the one that runs write, and `published/`, which readers open."""
    database: str = Field(default="DP_MAILBLAZE_DEMO_DEV_DB", validation_alias="WAREHOUSE_DATABASE")
    duckdb_memory_limit: str | None = Field(default=None, validation_alias="DUCKDB_MEMORY_LIMIT")
    """Such as `4GB`; DuckDB's own default is 80 % of the machine."""
    query_timeout_seconds: float = Field(default=300.0, gt=0, validation_alias="QUERY_TIMEOUT_SECONDS")
    """The longest time of one query."""

    @field_validator("duckdb_memory_limit")
    @classmethod
    def _is_an_amount(cls, value: str | None) -> str | None:
        if value and not _AMOUNT.fullmatch(value):
            raise ValueError("it is no amount of memory, such as 4GB")  # DuckDB's own message would show the value
        return value or None

    @field_validator("warehouse_dir")
    @classmethod
    def _from_anywhere(cls, value: Path) -> Path:
        return value.expanduser().absolute()


class OrchestrationSettings(GuardedSettings, ReaderSettings):
    """Settings of the loaders, of the dbt runner and of the flow."""

    schemas: Schemas = Field(default_factory=Schemas)
    lock_wait_seconds: float = Field(default=600.0, ge=0, validation_alias="WAREHOUSE_LOCK_SECONDS")
    """The longest wait of a run for another one to finish writing the warehouse."""
    load_concurrency: int = Field(default=4, ge=1, validation_alias="LOAD_CONCURRENCY")
    """Streams loaded at once."""
    load_wait_budget_seconds: float = Field(default=120.0, ge=0, validation_alias="LOAD_WAIT_BUDGET_SECONDS")
    """The longest wait of one stream's load in all, for retries."""

    contracts_dir: Path = Field(default=PACKAGED, validation_alias="CONTRACTS_DIR")
    lake: LakeSettings = Field(default_factory=LakeSettings)

    dbt_project_dir: Path = Field(default=REPOSITORY / "dbt", validation_alias="DBT_PROJECT_DIR")
    dbt_profiles_dir: Path = Field(default=REPOSITORY / "dbt", validation_alias="DBT_PROFILES_DIR")
    dbt_target: str | None = Field(default=None, validation_alias="DBT_TARGET")
    """The target in the profile; by default the one called as the warehouse."""
    dbt_threads: int = Field(default=4, ge=1, validation_alias="DBT_THREADS")
    email_salt: SecretStr = Field(
        default_factory=lambda given: SecretStr(_DEMO_SALT if is_dev(given.get("environment")) else ""),
        validation_alias="EMAIL_SALT",
    )
    """Goes into every hash of an e-mail address. What runs dbt needs one."""

    task_retries: int = Field(default=TASK.further_tries, ge=0, validation_alias="TASK_RETRIES")
    """The orchestrator's retries of a task after a transient fault, beyond those inside the task."""
    task_retry_seconds: float = Field(default=TASK.first_wait, ge=0, validation_alias="TASK_RETRY_SECONDS")

    ingest_deployment: str | None = Field(default=None, validation_alias="INGEST_DEPLOYMENT")
    """The deployment, `flow/deployment`, that streams are handed to; by default the flow lands them itself."""
    ingest_start_seconds: float = Field(default=600.0, gt=0, validation_alias="INGEST_START_SECONDS")
    """The longest wait of a handed-out stream for a worker."""
    business_now: datetime | None = Field(default=None, validation_alias="BUSINESS_NOW")
    """The business's time; by default the clock's."""
    stale_run_seconds: float = Field(default=45.0, ge=15, validation_alias="STALE_RUN_SECONDS")
    """A flow run that gave no sign of life for so long is taken for lost, and marked as crashed."""

    compare_every_hours: float = Field(default=12.0, ge=0, le=1_000_000, validation_alias="COMPARE_EVERY_HOURS")
    """A run that is not asked to look for deletions does so all the same in a stream whose source was last compared
    with the lake longer ago than this. So a schedule of such runs keeps the promise that both are compared."""

    ops_keep_days: float = Field(default=400.0, ge=1, le=100_000, validation_alias="OPS_KEEP_DAYS")
    """How long the marts' tables `ops_*` keep what a run did."""
    build_all_every_hours: float = Field(default=24.0, ge=0, le=24, validation_alias="BUILD_ALL_EVERY_HOURS")
    """A run that is not asked to check everything builds what depends on what is new; everything, with all tests, where
    that was last done longer ago than this. 0: always everything. At most a day: the tests of other runs look at rows
    that landed within a day (dbt/macros/new_rows_alone.sql)."""

    metrics_host: str = Field(default="127.0.0.1", validation_alias="METRICS_HOST")
    """Where the agent shows its metrics. In a container all of it, of which compose publishes the port on loopback."""
    metrics_port: int = Field(default=9464, ge=0, le=65535, validation_alias="METRICS_PORT")
    """0: no metrics."""
    metrics_refresh_seconds: float = Field(default=60.0, ge=1, le=3600, validation_alias="METRICS_REFRESH_SECONDS")
    """The pause between two readings of what the metrics show."""

    runs_dir: Path = Field(default=Path(".local/runs"), validation_alias="RUNS_DIR")
    """One folder for each run: dbt's compiled SQL, its results, its log. Beside them, what was counted of the lake."""
    runs_kept: int = Field(default=20, ge=1, validation_alias="RUNS_KEPT")

    @field_validator("business_now", mode="before")
    @classmethod
    def _is_a_moment(cls, value: object) -> object:
        try:
            return parse_moment(value) if isinstance(value, str) else value
        except ConfigurationError:
            raise ValueError("it is no RFC 3339 time with its zone, such as 2028-02-29T23:58:00Z") from None

    @field_validator("ingest_deployment")
    @classmethod
    def _names_flow_and_deployment(cls, value: str | None) -> str | None:
        if value and len(value.split("/")) != 2:
            raise ValueError("it is not of the form flow/deployment")
        return value or None

    @field_validator("dbt_target")
    @classmethod
    def _empty_means_default(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("runs_dir", "dbt_project_dir", "dbt_profiles_dir", "contracts_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        """Return the absolute path, because dbt runs in another directory."""
        return value.expanduser().absolute()

    def require_salt(self) -> str:
        """Return the salt. Raises ConfigurationError if there is none: only dev has a default."""
        salt = self.email_salt.get_secret_value()
        if not salt:
            raise ConfigurationError(
                f"EMAIL_SALT is not set: ENVIRONMENT={self.environment} needs a secret one", hint="See .env.example."
            )
        return salt

    @property
    def target(self) -> str:
        """The dbt target to run."""
        return self.dbt_target or self.warehouse.value

    @property
    def stale_run(self) -> timedelta:
        """The heartbeat timeout of a flow run."""
        return timedelta(seconds=self.stale_run_seconds)

    @property
    def compare_every(self) -> timedelta:
        """The longest time between two comparisons of a stream's source with the lake."""
        return timedelta(hours=self.compare_every_hours)

    @property
    def ops_keep(self) -> timedelta:
        """The time for which the tables `ops_*` keep a run."""
        return timedelta(days=self.ops_keep_days)

    @property
    def build_all_every(self) -> timedelta:
        """The longest time between two complete builds."""
        return timedelta(hours=self.build_all_every_hours)

    @property
    def lock_wait(self) -> timedelta:
        """The longest wait for the warehouse's lock."""
        return timedelta(seconds=self.lock_wait_seconds)
