"""A month's bill at a size (1: the demo's shop; 10: ten times its rows) and a number of runs a day.

Rows, bytes and keys grow with the size; statements, files and resumes do not. A factor that no measurement without an
account can give has a low and a high end, and so has every sum that it goes into.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.cost.measurement import Measurement
from bench.cost.prices import S3, SNOWFLAKE, S3Prices, SnowflakePrices

HOURS_A_MONTH = 730.0
_HOURS_A_DAY = 24.0
_DAYS_A_MONTH = HOURS_A_MONTH / _HOURS_A_DAY
_MONTHS = 12
_GB, _TB = 1e9, 1e12


@dataclass(frozen=True)
class Span:
    """A low and a high end."""

    low: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> Span:
        return Span(self.low * factor, self.high * factor)

    __rmul__ = __mul__


def exactly(value: float) -> Span:
    """A span without width."""
    return Span(value, value)


@dataclass(frozen=True)
class Assumptions:
    """What was not measured, and what is chosen."""

    seconds_a_statement: Span = Span(0.2, 1.0)
    """A statement on an XSMALL that finds next to no data: compilation, queue, metadata, the way there and back."""
    xsmall_over_duckdb: Span = Span(0.5, 3.0)
    """Seconds of an XSMALL for one of DuckDB's, where data is what takes the time."""
    statements_a_version: float = 8.0
    """The loader's: the tag, BEGIN, the claim, the ledger's two, COPY, COMMIT."""
    statements_a_load: float = 75.0
    """The loader's in a run without anything new: the writer's lease, and six or seven for each of nine streams."""
    threads: float = 4.0
    """Streams loaded at once, and dbt's threads."""
    suspend_seconds: float = 60.0
    cloud_credits_a_statement: Span = Span(0.00001, 0.00005)
    snowflake_gets_a_file: float = 3.0
    time_travel: Span = Span(1.2, 3.0)
    """Stored bytes for one live byte: Time Travel and fail-safe keep what merges replace."""
    infrequent_after_months: float = 3.0
    bi_openings: float = 20.0
    """Times a working day that somebody opens a dashboard after a pause, each for `bi_seconds` of warehouse."""
    bi_seconds: Span = Span(10.0, 60.0)
    bi_days: float = 22.0


@dataclass(frozen=True)
class Plan:
    """How the platform is run. `shared` loads and transforms on one warehouse, one after the other."""

    size: float = 1.0
    runs_a_day: float = 24.0
    shared: bool = False

    @property
    def runs(self) -> float:
        """Runs a month."""
        return self.runs_a_day * _DAYS_A_MONTH

    @property
    def hours(self) -> float:
        """Hours between two runs."""
        return _HOURS_A_DAY / self.runs_a_day


@dataclass(frozen=True)
class Month:
    """One month's bill in dollars, and the quantities behind it. Storage is that of the last month of a first year.

    `credits` are those of the three warehouses, which are what a resource monitor counts.
    """

    load: Span
    transform: Span
    bi: Span
    cloud_services: Span
    warehouse_storage: Span
    s3_storage: Span
    s3_requests: Span
    credits: Span
    load_seconds: Span
    transform_seconds: Span
    rows_a_run: float
    lake_gb: float
    deletions_gb: float

    @property
    def total(self) -> Span:
        """The sum."""
        return self.pipeline + self.bi

    @property
    def pipeline(self) -> Span:
        """Everything but the readers' warehouse."""
        storage = self.warehouse_storage + self.s3_storage + self.s3_requests
        return self.load + self.transform + self.cloud_services + storage


@dataclass(frozen=True)
class CostModel:
    """The model over one measurement."""

    measured: Measurement
    assumed: Assumptions = Assumptions()
    snowflake: SnowflakePrices = field(default=SNOWFLAKE)
    s3: S3Prices = field(default=S3)

    def month(self, plan: Plan) -> Month:
        """The bill of one month."""
        load, transform = self.load_seconds(plan), self.transform_seconds(plan)
        load_credits, transform_credits = self._run_credits(plan, load, transform)
        bi_credits = self._bi_credits()
        statements = self._load_statements + self.measured.dbt_statements
        services = self._cloud_services(plan, statements, load_credits + transform_credits)
        data, keys = self._lake_bytes(plan)
        return Month(
            load=load_credits * self.snowflake.credit,
            transform=transform_credits * self.snowflake.credit,
            bi=bi_credits * self.snowflake.credit,
            cloud_services=services * self.snowflake.credit,
            warehouse_storage=self._warehouse_bytes(plan) * (self.snowflake.storage_tb_month / _TB),
            s3_storage=exactly(self._storage(data, keys, plan)),
            s3_requests=exactly(self._requests(plan)),
            credits=load_credits + transform_credits + bi_credits,
            load_seconds=load,
            transform_seconds=transform,
            rows_a_run=self._rows_a_run(plan),
            lake_gb=(data + keys) / _GB,
            deletions_gb=keys / _GB,
        )

    def load_seconds(self, plan: Plan) -> Span:
        """Seconds of an XSMALL that one load takes."""
        waiting = self.assumed.seconds_a_statement * (self._load_statements / self.assumed.threads)
        rows = (self._rows_a_run(plan) + self._keys_a_run(plan)) * self.measured.load_seconds_a_row
        return waiting + rows * self.assumed.xsmall_over_duckdb

    def transform_seconds(self, plan: Plan) -> Span:
        """Seconds of an XSMALL that one dbt build takes at the end of the first year."""
        waiting = self.assumed.seconds_a_statement * (self.measured.dbt_statements / self.assumed.threads)
        new = self._rows_a_run(plan) * self.measured.dbt_seconds_a_new_row
        old = self._rows_after_a_year(plan) * self.measured.dbt_seconds_a_row_of_history
        return waiting + (new + old) * self.assumed.xsmall_over_duckdb

    def snowpipe(self, plan: Plan) -> float:
        """Dollars a month where Snowpipe loads the data; tombstones need the loader. It bills bytes, no warehouse."""
        return self._data_bytes(plan) * plan.runs / _GB * self.snowflake.snowpipe_credits_a_gb * self.snowflake.credit

    @property
    def _load_statements(self) -> float:
        return self.assumed.statements_a_load + self.measured.hour_versions * self.assumed.statements_a_version

    def _rows_a_run(self, plan: Plan) -> float:
        return self.measured.hour_rows * plan.size * plan.hours

    def _rows_after_a_year(self, plan: Plan) -> float:
        return plan.size * (self.measured.rows + self.measured.hour_rows * HOURS_A_MONTH * _MONTHS)

    def _run_credits(self, plan: Plan, load: Span, transform: Span) -> tuple[Span, Span]:
        """Credits of a month's loads and transformations. Sharing a warehouse, they share its resume and its idling."""
        if not plan.shared:
            return self._credits(plan.runs, load, plan.hours), self._credits(plan.runs, transform, plan.hours)
        both = self._credits(plan.runs, load + transform, plan.hours)
        share = load.high / (load.high + transform.high)
        return both * share, both * (1 - share)

    def _credits(self, resumes: float, busy: Span, hours_between: float) -> Span:
        """Credits of a warehouse that is resumed, is busy, idles until it is suspended; at most all the time."""

        def hours(seconds: float) -> float:
            billed = max(seconds + self.assumed.suspend_seconds, self.snowflake.minimum_seconds)
            return resumes * min(billed / 3600, hours_between)

        return Span(hours(busy.low), hours(busy.high)) * self.snowflake.xsmall_credits_an_hour

    def _bi_credits(self) -> Span:
        openings = self.assumed.bi_openings * self.assumed.bi_days
        return self._credits(openings, self.assumed.bi_seconds, _HOURS_A_DAY / self.assumed.bi_openings)

    def _cloud_services(self, plan: Plan, statements: float, warehouses: Span) -> Span:
        """Credits above what is free."""
        spent = self.assumed.cloud_credits_a_statement * (statements * plan.runs)
        free = self.snowflake.free_cloud_services
        return Span(max(0, spent.low - free * warehouses.low), max(0, spent.high - free * warehouses.high))

    def _data_bytes(self, plan: Plan) -> float:
        """Of the data that one run lands."""
        files = self.measured.hour_files * self.measured.bytes_a_file
        return files + self._rows_a_run(plan) * self.measured.bytes_a_row

    def _keys_a_run(self, plan: Plan) -> float:
        """Tombstones that one run lands."""
        return self.measured.hour_keys * plan.size * plan.hours

    def _key_bytes_a_run(self, plan: Plan) -> float:
        """Of tombstones and sets of keys that one run lands: they grow with what has come and gone."""
        return self.measured.hour_key_bytes * plan.size * plan.hours

    def _lake_bytes(self, plan: Plan) -> tuple[float, float]:
        """Bytes of data, and of all that deletions take, after a year."""
        first = plan.size * (self.measured.bytes + self.measured.key_bytes)
        runs = plan.runs * _MONTHS
        return first + self._data_bytes(plan) * runs, self._key_bytes_a_run(plan) * runs

    def _warehouse_bytes(self, plan: Plan) -> Span:
        """RAW, staging and marts after a year: as large as DuckDB's file, and what merges replaced."""
        live = self.measured.warehouse_bytes * self._rows_after_a_year(plan) / self.measured.rows
        return self.assumed.time_travel * live

    def _storage(self, data: float, keys: float, plan: Plan) -> float:
        """Dollars for the lake in the last month of the first year, older files in Standard-IA where they may go."""
        total = data + keys
        per_file = total / (self.measured.hour_files * plan.runs * _MONTHS)
        may_go = per_file >= self.s3.infrequent_minimum_bytes
        old = total * (1 - self.assumed.infrequent_after_months / _MONTHS) if may_go else 0.0
        moved = self.measured.hour_files * plan.runs / 1000 * self.s3.transition_per_thousand if may_go else 0.0
        storage = (total - old) * self.s3.standard_gb_month + old * self.s3.infrequent_gb_month
        return storage / _GB + moved

    def _requests(self, plan: Plan) -> float:
        reads = self.measured.hour_get + self.measured.hour_files * self.assumed.snowflake_gets_a_file
        a_run = self.measured.hour_put * self.s3.put_per_thousand + reads * self.s3.get_per_thousand
        return a_run / 1000 * plan.runs
