"""A month's bill at a size (1: the demo's shop; 10: ten times its rows) and a number of runs a day.

A run is idle, partial or whole. An idle run makes no request to the warehouse. A partial run loads new rows and builds
the nodes that depend on them. A whole run, once a day, builds everything. Rows, bytes and keys grow with the size;
statements, files and resumes do not. A factor that cannot be measured without an account has a low and a high end, and
so has every sum that contains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.cost.measurement import Measurement, RunOf
from bench.cost.prices import S3, SNOWFLAKE, S3Prices, SnowflakePrices
from bench.week.facts import Kind

HOURS_A_MONTH = 730.0
_HOURS_A_DAY = 24.0
_DAYS_A_MONTH = HOURS_A_MONTH / _HOURS_A_DAY
_MONTHS = 12
_GB, _TB = 1e9, 1e12


@dataclass(frozen=True)
class Span:
    """A range with a low and a high end."""

    low: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> Span:
        return Span(self.low * factor, self.high * factor)

    __rmul__ = __mul__


def exactly(value: float) -> Span:
    """Return a span without width."""
    return Span(value, value)


_NOTHING = exactly(0.0)


@dataclass(frozen=True)
class Assumptions:
    """The factors that were not measured, and the choices."""

    seconds_a_statement: Span = Span(0.2, 1.0)
    """A statement on an XSMALL that finds next to no data: compilation, queue, metadata, the way there and back."""
    xsmall_over_duckdb: Span = Span(0.5, 3.0)
    """Seconds of an XSMALL for one of DuckDB's, where data is what takes the time."""
    statements_a_version: float = 8.0
    """The loader's: the tag, BEGIN, the claim, the ledger's two, COPY, COMMIT."""
    statements_a_load: float = 40.0
    """The loader's beside those: the writer's lease, and what makes sure of the tables. More than were counted in the
    emulated account (tests/snowflake/test_idle_runs.py), as are the next ones."""
    statements_beside_dbt: float = 45.0
    """The transformer's: for the plan, the reconciliation, the publication and the record of the run."""
    threads: float = 4.0
    """Streams loaded at once, and dbt's threads."""
    suspend_seconds: float = 60.0
    """What a warehouse idles until it suspends itself: the readers', and that of a run that does not suspend it."""
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
    """The schedule of the platform: `runs_a_day`, of which the share `idle` finds nothing new.

    `whole_a_day` of the others build everything (all of them if there are fewer), the rest build what depends on new
    rows. With `shared`, loads and transformations use one warehouse, one after the other. A run suspends at its end the
    warehouses that it used, unless they are `left_running` until they suspend themselves.
    """

    size: float = 1.0
    runs_a_day: float = 24.0
    idle: float = 0.0
    whole_a_day: float = 1.0
    shared: bool = False
    left_running: bool = False

    @property
    def runs(self) -> Mapping[Kind, float]:
        """Runs a month by kind."""
        writing = self.writing_a_day
        whole = min(self.whole_a_day, writing)
        a_day = {Kind.IDLE: self.runs_a_day - writing, Kind.PARTIAL: writing - whole, Kind.WHOLE: whole}
        return {kind: runs * _DAYS_A_MONTH for kind, runs in a_day.items()}

    @property
    def writing_a_day(self) -> float:
        """Runs a day that find something new."""
        return self.runs_a_day * (1 - self.idle)

    @property
    def writing(self) -> float:
        """Runs a month that find something new."""
        return self.writing_a_day * _DAYS_A_MONTH

    @property
    def hours(self) -> float:
        """Hours between two runs that write, on average."""
        return _HOURS_A_DAY / self.writing_a_day if self.writing_a_day else HOURS_A_MONTH


@dataclass(frozen=True)
class Month:
    """One month's bill in dollars, and the quantities behind it. Storage is taken from the last month of the first
    year.

    `credits` are the credits of the three warehouses, which a resource monitor counts.
    """

    load: Span
    transform: Span
    bi: Span
    cloud_services: Span
    warehouse_storage: Span
    s3_storage: Span
    s3_requests: Span
    credits: Span
    rows_a_run: float
    lake_gb: float
    deletions_gb: float

    @property
    def total(self) -> Span:
        """The sum of all parts."""
        return self.pipeline + self.bi

    @property
    def pipeline(self) -> Span:
        """The sum of all parts except the readers' warehouse."""
        storage = self.warehouse_storage + self.s3_storage + self.s3_requests
        return self.load + self.transform + self.cloud_services + storage


@dataclass(frozen=True)
class CostModel:
    """The cost model over one measurement."""

    measured: Measurement
    assumed: Assumptions = Assumptions()
    snowflake: SnowflakePrices = field(default=SNOWFLAKE)
    s3: S3Prices = field(default=S3)

    def month(self, plan: Plan) -> Month:
        """Return the bill of one month."""
        load, transform = self._run_credits(plan)
        bi_credits = self._bi_credits()
        services = self._cloud_services(plan, load + transform)
        data, keys = self._lake_bytes(plan)
        return Month(
            load=load * self.snowflake.credit,
            transform=transform * self.snowflake.credit,
            bi=bi_credits * self.snowflake.credit,
            cloud_services=services * self.snowflake.credit,
            warehouse_storage=self._warehouse_bytes(plan) * (self.snowflake.storage_tb_month / _TB),
            s3_storage=exactly(self._storage(data, keys, plan)),
            s3_requests=exactly(self._requests(plan)),
            credits=load + transform + bi_credits,
            rows_a_run=self._rows_a_run(plan),
            lake_gb=(data + keys) / _GB,
            deletions_gb=keys / _GB,
        )

    def a_run(self, kind: Kind, plan: Plan) -> Span:
        """Return the dollars for one more run of a kind: warehouses, cloud services before the free allowance, and
        requests.
        """
        requests = exactly(self._requests_of(kind))
        if kind is Kind.IDLE:
            return requests
        one = self._credits_of(kind, plan)
        services = self.assumed.cloud_credits_a_statement * self._statements(kind)
        return (one[0] + one[1] + services) * self.snowflake.credit + requests

    def load_seconds(self, kind: Kind, plan: Plan) -> Span:
        """Return seconds of an XSMALL that one load takes."""
        if kind is Kind.IDLE:
            return _NOTHING
        waiting = self.assumed.seconds_a_statement * (self._load_statements(kind) / self.assumed.threads)
        rows = (self._rows_a_run(plan) + self._keys_a_run(plan)) * self.measured.load_seconds_a_row
        return waiting + rows * self.assumed.xsmall_over_duckdb

    def transform_seconds(self, kind: Kind, plan: Plan) -> Span:
        """Return seconds of an XSMALL that one dbt build takes at the end of the first year."""
        if kind is Kind.IDLE:
            return _NOTHING
        statements = self._of(kind).statements + self.assumed.statements_beside_dbt
        waiting = self.assumed.seconds_a_statement * (statements / self.assumed.threads)
        new = self._rows_a_run(plan) * self.measured.dbt_seconds_a_new_row
        old = self._rows_after_a_year(plan) * self.measured.dbt_seconds_a_row_of_history
        return waiting + (new + old) * self.assumed.xsmall_over_duckdb

    def snowpipe(self, plan: Plan) -> float:
        """Return the dollars a month if Snowpipe loads the data; tombstones need the loader.

        It bills bytes, no warehouse.
        """
        loaded = self._data_bytes_a_month(plan) / _GB
        return loaded * self.snowflake.snowpipe_credits_a_gb * self.snowflake.credit

    def as_many_runs(self, plan: Plan, idle: float) -> float:
        """Return how many runs a day, with the share `idle` of them, cost as much as `plan`; at most 1,440."""
        wanted = self.month(plan).pipeline.high
        low, high = 0.0, 1_440.0
        for _ in range(40):
            middle = (low + high) / 2
            cheaper = self.month(replace(plan, runs_a_day=middle, idle=idle, whole_a_day=1.0)).pipeline.high < wanted
            low, high = (middle, high) if cheaper else (low, middle)
        return low

    def _of(self, kind: Kind) -> RunOf:
        return self.measured.runs[kind]

    def _load_statements(self, kind: Kind) -> float:
        return self.assumed.statements_a_load + self._of(kind).versions * self.assumed.statements_a_version

    def _statements(self, kind: Kind) -> float:
        """Return the number of statements of one run, on both warehouses."""
        if kind is Kind.IDLE:
            return 0.0
        return self._load_statements(kind) + self._of(kind).statements + self.assumed.statements_beside_dbt

    def _rows_a_run(self, plan: Plan) -> float:
        """Return the number of rows of a run that writes."""
        return self.measured.day_rows * plan.size * plan.hours / _HOURS_A_DAY

    def _keys_a_run(self, plan: Plan) -> float:
        """Return the number of tombstones that a run that writes lands."""
        return self.measured.day_keys * plan.size * plan.hours / _HOURS_A_DAY

    def _rows_after_a_year(self, plan: Plan) -> float:
        return plan.size * (self.measured.rows + self.measured.day_rows * _DAYS_A_MONTH * _MONTHS)

    def _run_credits(self, plan: Plan) -> tuple[Span, Span]:
        """Return credits of a month's loads and transformations."""
        load = transform = _NOTHING
        for kind, runs in plan.runs.items():
            if kind is not Kind.IDLE:
                one = self._credits_of(kind, plan)
                load, transform = load + one[0] * runs, transform + one[1] * runs
        return load, transform

    def _credits_of(self, kind: Kind, plan: Plan) -> tuple[Span, Span]:
        """Return the credits of one run's load and transformation. On a shared warehouse they share its resume and its
        idle time.

        A warehouse used only for loads runs until the run ends, because the writer renews its lease on it.
        """
        load, transform = self.load_seconds(kind, plan), self.transform_seconds(kind, plan)
        if not plan.shared:
            return self._credits(load + transform, plan), self._credits(transform, plan)
        both = self._credits(load + transform, plan)
        share = load.high / (load.high + transform.high)
        return both * share, both * (1 - share)

    def _credits(self, busy: Span, plan: Plan) -> Span:
        """Return the credits of a warehouse that is resumed, is busy, and idles until it is suspended; at most all the
        time.
        """
        return self._billed(busy, self.assumed.suspend_seconds if plan.left_running else 0.0, plan.hours)

    def _billed(self, busy: Span, suspend: float, hours_between: float) -> Span:
        def hours(seconds: float) -> float:
            return min(max(seconds + suspend, self.snowflake.minimum_seconds) / 3600, hours_between)

        return Span(hours(busy.low), hours(busy.high)) * self.snowflake.xsmall_credits_an_hour

    def _bi_credits(self) -> Span:
        openings = self.assumed.bi_openings * self.assumed.bi_days
        hours = _HOURS_A_DAY / self.assumed.bi_openings
        return self._billed(self.assumed.bi_seconds, self.assumed.suspend_seconds, hours) * openings

    def _cloud_services(self, plan: Plan, warehouses: Span) -> Span:
        """Return the credits of cloud services above the free allowance."""
        statements = sum(self._statements(kind) * runs for kind, runs in plan.runs.items())
        spent = self.assumed.cloud_credits_a_statement * statements
        free = self.snowflake.free_cloud_services
        return Span(max(0, spent.low - free * warehouses.low), max(0, spent.high - free * warehouses.high))

    def _files_a_month(self, plan: Plan) -> float:
        return sum(self._of(kind).files * runs for kind, runs in plan.runs.items())

    def _data_bytes_a_month(self, plan: Plan) -> float:
        """Return the bytes of data that a month's runs land."""
        rows = self.measured.day_rows * plan.size * _DAYS_A_MONTH
        return self._files_a_month(plan) * self.measured.bytes_a_file + rows * self.measured.bytes_a_row

    def _lake_bytes(self, plan: Plan) -> tuple[float, float]:
        """Return the bytes of data, and of all files for deletions, after a year."""
        first = plan.size * (self.measured.bytes + self.measured.key_bytes)
        keys = self.measured.day_key_bytes * plan.size * _DAYS_A_MONTH * _MONTHS
        return first + self._data_bytes_a_month(plan) * _MONTHS, keys

    def _warehouse_bytes(self, plan: Plan) -> Span:
        """Return the bytes of RAW, staging and marts after a year: the size of DuckDB's file, plus rows that merges
        replaced.
        """
        live = self.measured.warehouse_bytes * self._rows_after_a_year(plan) / self.measured.warehouse_rows
        return self.assumed.time_travel * live

    def _storage(self, data: float, keys: float, plan: Plan) -> float:
        """Return the dollars for the lake in the last month of the first year, with older files in Standard-IA if that
        is allowed.
        """
        total, files = data + keys, self._files_a_month(plan)
        may_go = files > 0 and total / (files * _MONTHS) >= self.s3.infrequent_minimum_bytes
        old = total * (1 - self.assumed.infrequent_after_months / _MONTHS) if may_go else 0.0
        moved = files / 1000 * self.s3.transition_per_thousand if may_go else 0.0
        storage = (total - old) * self.s3.standard_gb_month + old * self.s3.infrequent_gb_month
        return storage / _GB + moved

    def _requests(self, plan: Plan) -> float:
        return sum(self._requests_of(kind) * runs for kind, runs in plan.runs.items())

    def _requests_of(self, kind: Kind) -> float:
        """Return the dollars for one run's requests, including the requests of Snowflake's COPY."""
        run = self._of(kind)
        reads = run.get + run.files * self.assumed.snowflake_gets_a_file
        return (run.put * self.s3.put_per_thousand + reads * self.s3.get_per_thousand) / 1000
