"""Faults between us and Snowflake: one clear message, and ledger and RAW agree afterwards."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from bench.cost.model import Assumptions
from ingest.errors import AccessError, ConfigurationError, DamagedLakeError, PlatformError, TransientError
from local.snowflake.account import integration_of
from tests.faults.patience import without_waiting
from tests.orchestration.lake_builder import LakeBuilder, contract, thing
from tests.snowflake.account import Account, not_shown_here, require_copy
from tests.snowflake.bad_day import BadDay
from tests.snowflake.statement_proxy import Held, Lost, Refused, StatementProxy, Unavailable, statement_proxy

ROLE, WAREHOUSE = "DP_MAILBLAZE_DEMO_DEV_LOADER", "DP_MAILBLAZE_DEMO_DEV_LOAD_WH"


@pytest.fixture(scope="module")
def proxy(snowflake_environment: Mapping[str, str]) -> Iterator[tuple[StatementProxy, int]]:
    if "SNOWFLAKE_HOST" not in snowflake_environment:
        pytest.skip("a proxy can stand in front of an emulated account alone: a real one is reached by TLS")
    with statement_proxy(snowflake_environment["SNOWFLAKE_HOST"], int(snowflake_environment["SNOWFLAKE_PORT"])) as both:
        yield both


@pytest.fixture
def day(proxy: tuple[StatementProxy, int], shared_account: Account) -> Iterator[BadDay]:
    """Version 1 of a stream is loaded; version 2, of two files, is new."""
    control, port = proxy
    account = shared_account
    require_copy(account)
    lake = LakeBuilder(account.store, contract(stream=f"things_{uuid.uuid4().hex[:8]}", deletes="none"))
    # A request that gets no answer counts as lost soon.
    through = {"host": "127.0.0.1", "port": port, "network_timeout_seconds": 1, "login_timeout_seconds": 2}
    day = BadDay(lake, control, account, account.settings.model_copy(update=through))
    lake.data([thing(1), thing(2)])
    with without_waiting():
        day.load()
        lake.data([thing(3), thing(4)], [thing(5)])
        control.calm()
        yield day
    control.calm()


REFUSALS = {
    "a table that the role may not insert into": (
        r"^COPY",
        Refused(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on table 'THINGS'"),
        AccessError,
        [f"role {ROLE} lacks INSERT on table", rf"GRANT INSERT ON TABLE \w+\.RAW\.THINGS TO ROLE {ROLE};"],
    ),
    "a ledger that the role may not insert into": (
        r"^INSERT INTO \S*_LOADS",
        Refused(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on table '_LOADS'"),
        AccessError,
        [f"role {ROLE} lacks INSERT on table", rf"GRANT INSERT ON TABLE \w+\.RAW\._LOADS TO ROLE {ROLE};"],
    ),
    "a table that the role may not see": (
        r"^COPY",
        Refused(2003, "02000", "SQL compilation error:\nTable 'DB.RAW.THINGS' does not exist or not authorized."),
        AccessError,
        ["there is no table DB.RAW.THINGS", f"GRANT INSERT ON TABLE DB.RAW.THINGS TO ROLE {ROLE};"],
    ),
    "a schema that the role may not use": (
        r"^SELECT count",
        Refused(2003, "02000", "SQL compilation error:\nSchema 'DB.RAW' does not exist or not authorized."),
        AccessError,
        ["there is no schema DB.RAW", f"GRANT USAGE ON SCHEMA DB.RAW TO ROLE {ROLE};"],
    ),
    "a database that the role may not use": (
        r"^SELECT count",
        Refused(
            90105,
            "22000",
            "Cannot perform SELECT. This session does not have a current database. Call 'USE DATABASE', or use a "
            "qualified name.",
        ),
        AccessError,
        [rf"GRANT USAGE ON DATABASE \w+ TO ROLE {ROLE};"],
    ),
    "no stage": (
        r"^COPY",
        Refused(2003, "02000", "SQL compilation error:\nStage 'DB.RAW.STG_S3_RAW' does not exist or not authorized."),
        AccessError,
        ["there is no stage DB.RAW.STG_S3_RAW", f"GRANT USAGE ON STAGE DB.RAW.STG_S3_RAW TO ROLE {ROLE};"],
    ),
    "a stage that the role may not use": (
        r"^COPY",
        Refused(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on stage 'STG_S3_RAW'"),
        AccessError,
        ["lacks USAGE on stage", rf"GRANT USAGE ON STAGE \w+\.RAW\.STG_S3_RAW TO ROLE {ROLE};"],
    ),
    "an integration that does not allow the bucket": (
        r"^COPY",
        Refused(
            3127,
            "42601",
            "SQL compilation error:\nLocation 's3://other/' is not allowed by integration DP_INT. Please use DESC "
            "INTEGRATION to check out allowed and blocked locations.",
        ),
        ConfigurationError,
        ["s3://other/", "STORAGE_ALLOWED_LOCATIONS"],
    ),
    "a role in AWS that does not trust Snowflake": (
        r"^COPY",
        Refused(
            3167,
            "42601",
            "Error assuming AWS_ROLE:\nUser: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on "
            "resource: arn:aws:iam::2:role/dp",
        ),
        AccessError,
        ["sts:AssumeRole", "external id"],
    ),
    "a bucket that the assumed role may not read": (
        r"^COPY",
        Refused(
            91003,
            "55000",
            "Failure using stage area. Cause: [Access Denied (Status Code: 403; Error Code: AccessDenied)]",
        ),
        AccessError,
        ["Access Denied", "s3:GetObject"],
    ),
    "a warehouse whose monitor has used its quota up": (
        r"^COPY",
        Refused(
            90073,
            "22000",
            f"Warehouse '{WAREHOUSE}' cannot be resumed because resource monitor 'DP_MONITOR' has exceeded its quota.",
        ),
        ConfigurationError,
        [WAREHOUSE, "resource monitor 'DP_MONITOR'", "quota"],
    ),
    "a warehouse that is suspended and does not resume": (
        r"^COPY",
        Refused(
            608,
            "57P03",
            f"Warehouse '{WAREHOUSE}' is suspended.  Use 'alter warehouse {WAREHOUSE} resume;' command if you need to "
            "use it again.",
        ),
        ConfigurationError,
        [f"warehouse {WAREHOUSE} is suspended", f"ALTER WAREHOUSE {WAREHOUSE} SET AUTO_RESUME = TRUE;"],
    ),
    "a statement that takes too long": (
        r"^COPY",
        Refused(
            630, "57014", "Statement reached its statement or warehouse timeout of 3,600 second(s) and was canceled."
        ),
        ConfigurationError,
        [r"COPY INTO", "3,600 second", "SNOWFLAKE_STATEMENT_TIMEOUT_SECONDS"],
    ),
    "no warehouse": (
        r"^COPY",
        Refused(
            606,
            "57P03",
            "No active warehouse selected in the current session.  Select an active warehouse with the 'use "
            "warehouse' command.\n",
        ),
        AccessError,
        [f"GRANT USAGE ON WAREHOUSE {WAREHOUSE} TO ROLE {ROLE};"],
    ),
}


def test_what_the_user_must_mend_is_said_with_the_way_to_do_it(day: BadDay, subtests: pytest.Subtests) -> None:
    for case, (pattern, refusal, expected, words) in REFUSALS.items():
        with subtests.test(case):
            table = day.stream.upper()
            day.proxy.on(pattern, replace(refusal, message=refusal.message.replace("THINGS", table)))

            with pytest.raises(expected) as raised:
                day.load()

            said = str(raised.value)
            assert said.startswith(f"{day.stream}: ")
            assert "\n" not in said
            assert [word for word in words if not re.search(word.replace("THINGS", table), said)] == [], said
            assert raised.value.exit_code == 2
            assert day.loaded() == [1]
    day.finish()


@pytest.mark.parametrize(
    "right",
    [
        "USAGE ON STAGE {db}.RAW.STG_S3_RAW",
        "USAGE ON INTEGRATION {integration}",
        "USAGE ON SCHEMA {db}.RAW",
        "USAGE ON DATABASE {db}",
    ],
)
def test_the_grant_that_a_message_ends_with_mends_it(day: BadDay, right: str) -> None:
    integration = integration_of(day.account.lake_settings.bucket)
    day.account.run(f"REVOKE {right.format(db=day.account.database, integration=integration)} FROM ROLE {ROLE}")
    try:
        day.load(patience=0)
    except AccessError as error:
        grants = re.findall(r"GRANT [^;]+", str(error))
    else:
        not_shown_here("this account records privileges and does not enforce them")

    assert grants
    day.account.run(*grants)
    day.finish()


def test_a_file_that_is_gone_is_named_and_nothing_of_its_version_is_loaded(day: BadDay) -> None:
    gone = next(iter(day.lake.log.since(1))).files[1]
    body = day.lake.store.get(gone.key)
    day.lake.store.delete([gone.key])

    with pytest.raises(DamagedLakeError) as raised:
        day.load()

    assert gone.key in str(raised.value)
    assert "bucket's versions" in str(raised.value)
    assert day.loaded() == [1]
    day.lake.store.put(gone.key, body)
    day.finish()


def test_a_file_of_other_rows_than_were_committed_is_named_and_nothing_of_its_version_is_loaded(day: BadDay) -> None:
    changed = next(iter(day.lake.log.since(1))).files[1]
    body = day.lake.store.get(changed.key)
    day.lake.store.put(changed.key, _without_last_row(body))

    with pytest.raises(DamagedLakeError) as raised:
        day.load()

    assert f"{changed.key} gave 0 rows, but version 2 committed 1" in str(raised.value)
    assert day.loaded() == [1]
    day.lake.store.put(changed.key, body)
    day.finish()


def test_a_connection_that_is_lost_before_commit_arrives_loads_the_version_once(day: BadDay) -> None:
    day.proxy.on("^COMMIT", Lost(after=False))

    result = day.load()

    assert (result.commits, result.rows) == ((2,), 3)
    assert len(day.proxy.seen("^COPY")) == 2
    assert day.loaded() == [1, 2]
    day.finish()


def test_a_connection_that_is_lost_with_commit_s_answer_loads_the_version_once(day: BadDay) -> None:
    day.proxy.on("^COMMIT", Lost(after=True))

    result = day.load()

    assert (result.commits, result.rows) == ((2,), 3)
    assert len(day.proxy.seen("^COPY")) == 1
    assert day.loaded() == [1, 2]
    day.finish()


def test_a_connection_that_is_lost_in_the_middle_of_copy_loads_the_version_once(day: BadDay) -> None:
    day.proxy.on("^COPY", Lost(after=True))

    result = day.load()

    assert (result.commits, result.rows) == ((2,), 3)
    assert day.loaded() == [1, 2]
    day.finish()


def test_a_connection_may_be_lost_at_any_statement_of_a_load(day: BadDay, subtests: pytest.Subtests) -> None:
    day.load()
    statements = len(day.proxy.statements)
    for number in range(1, statements + 1):
        day.lake.data([thing(100 + number)])
        day.proxy.calm()
        day.proxy.on("", Lost(after=number % 2 == 0), nth=number)
        with subtests.test(f"statement {number}"):
            assert day.load().rows == 1
            assert day.loaded() == list(range(1, 3 + number))
    day.finish()


def test_a_connection_that_is_lost_while_the_warehouse_is_locked_is_no_other_writer(day: BadDay) -> None:
    warehouse = replace(day.account, settings=day.settings).warehouse()
    with warehouse.lock("first", wait=timedelta(0)):
        pass
    statements = len(day.proxy.statements)
    for number in range(1, statements):
        day.proxy.calm()
        day.proxy.on("", Lost(after=True), nth=number)

        with warehouse.lock("again", wait=timedelta(0)) as holder:
            assert holder.run_id == "again"


@pytest.mark.parametrize("status", [429, 503])
def test_a_snowflake_that_is_busy_is_asked_again(day: BadDay, status: int) -> None:
    day.proxy.on("^COPY", Unavailable(status))

    assert day.load().rows == 3
    day.finish()


@pytest.mark.parametrize("status", [429, 503])
def test_a_snowflake_that_stays_busy_is_a_transient_fault(day: BadDay, status: int) -> None:
    day.proxy.on("^COPY", Unavailable(status), times=float("inf"))

    with pytest.raises(TransientError, match=rf"^{day.stream}: .*HTTP {status}"):
        day.load(patience=0)

    assert day.loaded() == [1]
    day.finish()


def test_a_statement_may_take_longer_than_the_network_s_timeout(day: BadDay) -> None:
    """The connector has one setting for both timeouts, and would cancel the statement."""
    held = Held()
    day.proxy.on("^COPY", held)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(day.load)
        assert held.reached.wait(30)
        cancelled = day.proxy.cancelled.wait(2 * day.settings.network_timeout_seconds)
        held.release.set()

        assert loading.result(30).commits == (2,)
    assert not cancelled


def test_two_loaders_at_once_load_each_version_once(day: BadDay) -> None:
    copied, claims = Held(), Held(before=True)
    day.proxy.on("^COPY", copied)
    claims.release.set()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(day.load)
        assert copied.reached.wait(30)
        day.proxy.on("^UPDATE .*_CLAIM_", claims)
        second = pool.submit(day.load)
        assert claims.reached.wait(30)
        copied.release.set()

        assert first.result(30).commits == (2,)
        with pytest.raises(PlatformError) as raised:
            second.result(30)
    assert raised.value.stream == day.stream
    assert day.loaded() == [1, 2]
    day.finish()


def test_a_loader_that_is_killed_in_the_middle_leaves_nothing_and_the_next_run_goes_on(day: BadDay) -> None:
    copied = Held()
    day.proxy.on("^COPY", copied)
    killed = subprocess.Popen([sys.executable, "-m", "tests.snowflake.killed_load", day.stream], env=day.environment)
    assert copied.reached.wait(60)
    killed.kill()
    assert killed.wait(30) == -signal.SIGKILL
    copied.release.set()

    assert day.loaded() == [1]
    day.proxy.end_sessions()
    day.finish()
    assert day.loaded() == [1, 2]


def test_a_type_of_another_family_is_refused_with_the_way_out(day: BadDay) -> None:
    columns = {"id": "bigint", "name": "bigint", "price": "numeric(12,2)", "updated_at": "timestamptz"}
    changed = contract(columns, stream=day.stream, deletes="none")

    with pytest.raises(
        ConfigurationError, match=rf"{day.stream}: column 'name' is VARCHAR.*warehouse reload {day.stream}"
    ) as raised:
        day.load(changed)

    assert raised.value.exit_code == 2
    assert day.loaded() == [1]
    day.finish()


def test_a_load_has_no_more_statements_than_the_cost_model_counts(day: BadDay) -> None:
    """A load of one stream; those of a whole run are counted in test_idle_runs.py."""
    assumed = Assumptions()
    day.load()
    with_a_version = len(day.proxy.statements)
    day.proxy.calm()
    day.load()
    idle = len(day.proxy.statements)

    assert with_a_version - idle <= assumed.statements_a_version
    assert idle <= assumed.statements_a_load


def _without_last_row(parquet: bytes) -> bytes:
    table = pq.read_table(io.BytesIO(parquet))
    buffer = io.BytesIO()
    pq.write_table(table.slice(0, table.num_rows - 1), buffer)
    return buffer.getvalue()
