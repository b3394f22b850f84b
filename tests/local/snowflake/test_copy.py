"""Stages and COPY: all of a statement's files or none, each accounted for, each value checked."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.contracts.registry import ContractRegistry
from local.processes import ProcessGroup
from local.run_directory import RunDirectory
from local.snowflake.account import STORAGE_ROLE
from local.snowflake.emulator.stage.storage_role import DATA_PREFIXES
from local.snowflake.server import start_snowflake_emulator
from tests.conftest import Bucket
from tests.local.snowflake.conftest import Client, Connect, session

FORMAT = "FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE BINARY_AS_TEXT = FALSE USE_LOGICAL_TYPE = TRUE)"
OPTIONS = f"{FORMAT} MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT FORCE = TRUE"
INSTANT = datetime(2024, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True)
class Lake:
    """A bucket with a stage on it, and the table EVENTS."""

    client: Client
    bucket: Bucket

    def put(self, key: str, columns: Mapping[str, Any]) -> str:
        content = io.BytesIO()
        pq.write_table(pa.table(dict(columns)), content)
        self.bucket.client.put_object(Bucket=self.bucket.name, Key=key, Body=content.getvalue())
        return key

    def copy(self, *keys: str, options: str = OPTIONS) -> str:
        files = ", ".join(f"'{key}'" for key in keys)
        return f'COPY INTO "RAW"."EVENTS" FROM @"RAW"."LAKE" FILES = ({files}) {options}'

    def count(self) -> int:
        return int(self.client.value("SELECT COUNT(*) FROM EVENTS"))


@pytest.fixture
def lake(client: Client, bucket: Bucket) -> Lake:
    return lake_in(client, bucket)


def lake_in(client: Client, bucket: Bucket) -> Lake:
    """Return a stage and a table in the session's schema, which is called RAW."""
    integration = bucket.name.replace("-", "_").upper()
    client.run(
        f"CREATE STORAGE INTEGRATION {integration} TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE "
        f"STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::1:role/r' STORAGE_ALLOWED_LOCATIONS = ('s3://{bucket.name}/') "
        f"STORAGE_BLOCKED_LOCATIONS = ('s3://{bucket.name}/_log/')"
    )
    client.run(f"CREATE OR REPLACE STAGE LAKE URL = 's3://{bucket.name}/' STORAGE_INTEGRATION = {integration}")
    client.run(
        "CREATE OR REPLACE TABLE EVENTS (ID NUMBER(38,0) NOT NULL, AT TIMESTAMP_TZ(9), PRICE NUMBER(6,2), "
        "NAME VARCHAR, CONTENT BINARY, LATER DATE)"
    )
    return Lake(client, bucket)


def rows(*ids: int | None) -> dict[str, Any]:
    return {"id": pa.array(ids, pa.int64())}


def test_columns_are_matched_by_name_and_values_kept_exactly(lake: Lake) -> None:
    key = lake.put(
        "events/dt=2024-01-01/1.parquet",
        {
            "unknown": [1, 2],
            "content": pa.array([b"\x00\xff", None]),
            "Id": pa.array([2**63 - 1, 1], pa.int64()),
            "AT": pa.array([INSTANT, None], pa.timestamp("us", "UTC")),
            "price": pa.array([Decimal("-1234.56"), None], pa.decimal128(18, 2)),
            "name": ["ünï 'x'", ""],
        },
    )

    assert lake.client.run(lake.copy(key)) == [
        (f"s3://{lake.bucket.name}/{key}", "LOADED", 2, 2, 1, 0, None, None, None, None)
    ]
    assert lake.client.run("SELECT * FROM EVENTS ORDER BY ID DESC") == [
        (2**63 - 1, INSTANT, Decimal("-1234.56"), "ünï 'x'", b"\x00\xff", None),
        (1, None, None, "", None, None),
    ]


def test_a_text_that_means_null_elsewhere_is_null_here_too_unless_it_is_said(lake: Lake) -> None:
    key = lake.put("1.parquet", rows(1, 2, 3) | {"name": ["\\N", "NULL", ""]})
    for options, names in (
        (OPTIONS, [None, "NULL", ""]),
        (OPTIONS.replace("TYPE = PARQUET", "TYPE = PARQUET NULL_IF = ()"), ["\\N", "NULL", ""]),
        (OPTIONS.replace("TYPE = PARQUET", "TYPE = PARQUET NULL_IF = ('NULL', '')"), ["\\N", None, None]),
    ):
        lake.client.run("DELETE FROM EVENTS")
        lake.client.run(lake.copy(key, options=options))
        assert [name for (name,) in lake.client.run("SELECT NAME FROM EVENTS ORDER BY ID")] == names, options


def test_a_file_that_does_not_fit_is_named_and_nothing_is_loaded(lake: Lake) -> None:
    good = lake.put("1.parquet", rows(1))
    for name, columns, errno, words in (
        ("null", rows(1, None), 100072, "Row 2"),
        ("scale", rows(1) | {"price": pa.array([Decimal("1.234")])}, 100071, "1.234"),
        ("precision", rows(1, 2) | {"price": pa.array([Decimal("1.00"), Decimal("12345.00")])}, 100071, "12345.00"),
        ("kind", rows(1) | {"price": ["1"]}, 100071, "string"),
        ("zone", rows(1) | {"at": pa.array([INSTANT.replace(tzinfo=None)])}, 100071, "timestamp"),
        ("nothing in common", {"other": [1]}, 2, "no column in common"),
    ):
        bad = lake.put(f"{name}.parquet", columns)
        found, message = lake.client.refused(lake.copy(good, bad))
        assert (found, bad in message, words in message) == (errno, True, True), message

    lake.bucket.client.put_object(Bucket=lake.bucket.name, Key="broken.parquet", Body=b"PAR1 and no more")
    assert lake.client.errno(lake.copy(good, "broken.parquet")) == 100152
    assert lake.client.errno(lake.copy(good, "gone.parquet")) == 91016
    assert lake.count() == 0


def test_a_copy_belongs_to_its_transaction_with_its_load_metadata(lake: Lake) -> None:
    key = lake.put("1.parquet", rows(1, 2))
    history = (
        "SELECT FILE_NAME, STATUS, ROW_COUNT FROM TABLE(INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => 'RAW.EVENTS', "
        "START_TIME => DATEADD(hours, -1, CURRENT_TIMESTAMP())))"
    )

    lake.client.run("BEGIN")
    lake.client.run(lake.copy(key))
    lake.client.run("ROLLBACK")
    assert (lake.count(), lake.client.run(history)) == (0, [])

    lake.client.run(lake.copy(key))
    assert (lake.count(), lake.client.run(history)) == (2, [(key, "Loaded", 2)])
    lake.client.run(lake.copy(key))
    assert (lake.count(), lake.client.run(history)) == (4, [(key, "Loaded", 2)] * 2)


def test_the_history_of_copies_reaches_back_less_than_14_days(lake: Lake) -> None:
    def since(seconds: int) -> str:
        start = f"DATEADD(second, -{seconds}, CURRENT_TIMESTAMP())"
        return (
            f"SELECT * FROM TABLE(INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => 'RAW.EVENTS', START_TIME => {start}))"
        )

    days = 14 * 24 * 3600
    assert lake.client.run(since(days - 60)) == []
    for seconds in (days, days + 3600):
        assert "more than 14 days ago" in lake.client.refused(since(seconds))[1]


def test_a_failed_copy_leaves_the_open_transaction_as_it_was(lake: Lake) -> None:
    lake.client.run("BEGIN")
    lake.client.run(lake.copy(lake.put("1.parquet", rows(1))))
    assert lake.client.errno(lake.copy(lake.put("2.parquet", rows(None)))) == 100072
    lake.client.run(lake.copy(lake.put("3.parquet", rows(3))))
    lake.client.run("COMMIT")

    assert lake.count() == 2


def test_unknown_or_unsafe_options_are_refused(lake: Lake) -> None:
    key = lake.put("1.parquet", rows(1))
    for options, errno in (
        (f"{OPTIONS} NO_SUCH_OPTION = 1", 1006),
        (OPTIONS.replace("TYPE = PARQUET", "TYPE = PARQUET NO_SUCH = TRUE"), 1006),
        (OPTIONS.replace("TYPE = PARQUET", "TYPE = CSV"), 2),
        (OPTIONS.replace("ABORT_STATEMENT", "CONTINUE"), 2),
        (OPTIONS.replace("= CASE_INSENSITIVE", "= SOMEHOW"), 1008),
        (f"{FORMAT} FORCE = TRUE", 2),
        (OPTIONS.replace("FORCE = TRUE", ""), 2),
        (f"{OPTIONS} PURGE = TRUE", 2),
        (OPTIONS.replace("BINARY_AS_TEXT = FALSE", "BINARY_AS_TEXT = TRUE"), 1008),
    ):
        assert lake.client.errno(lake.copy(key, options=options)) == errno, options
    assert lake.client.errno(f"COPY INTO EVENTS FROM @LAKE {OPTIONS}") == 2
    assert lake.client.errno(lake.copy(*[f"{number}.parquet" for number in range(1001)])) == 1003
    assert lake.count() == 0


def test_a_stage_stays_where_its_integration_allows(lake: Lake) -> None:
    integration = lake.bucket.name.replace("-", "_").upper()
    for url in ("s3://elsewhere/", f"s3://{lake.bucket.name}/_log/"):
        assert lake.client.errno(f"CREATE STAGE OTHER URL = '{url}' STORAGE_INTEGRATION = {integration}") == 3127
    assert lake.client.errno(f"CREATE STAGE OTHER URL = 's3://{lake.bucket.name}/' STORAGE_INTEGRATION = NONE") == 2043
    assert lake.client.errno(f"CREATE STAGE OTHER URL = 's3://{lake.bucket.name}/'") == 2

    lake.put("events/1.parquet", rows(1))
    lake.put("_log/1.parquet", rows(1))
    assert lake.client.errno(lake.copy("_log/1.parquet")) == 3127
    lake.client.run(
        f"CREATE OR REPLACE STORAGE INTEGRATION {integration} TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' "
        "ENABLED = TRUE STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::1:role/r' "
        "STORAGE_ALLOWED_LOCATIONS = ('s3://elsewhere/')"
    )
    assert lake.client.errno(lake.copy("events/1.parquet")) == 3127


def test_who_reads_a_stage_must_be_allowed_to_use_its_integration_too(lake: Lake, connect: Connect) -> None:
    role, integration = f"READER_OF_{uuid.uuid4().hex[:8].upper()}", lake.bucket.name.replace("-", "_").upper()
    key = lake.put("events/1.parquet", rows(1))
    database = lake.client.value("SELECT CURRENT_DATABASE()")
    lake.client.run(f"CREATE ROLE {role}")
    for right in (f"USAGE ON DATABASE {database}", "USAGE ON SCHEMA RAW", "INSERT ON TABLE EVENTS"):
        lake.client.run(f"GRANT {right} TO ROLE {role}")
    reader = connect(role=role, database=database, schema="RAW")
    statements = (lake.copy(key), "LIST @LAKE/events/")

    assert [reader.errno(statement) for statement in statements] == [2003, 2003]
    lake.client.run(f"GRANT USAGE ON STAGE LAKE TO ROLE {role}")
    for statement in statements:
        number, words = reader.refused(statement)
        assert (number, f"Insufficient privileges to operate on integration '{integration}'" in words) == (3001, True)
    lake.client.run(f"GRANT USAGE ON INTEGRATION {integration} TO ROLE {role}")
    assert [len(reader.run(statement)) for statement in statements] == [1, 1]


def test_a_list_shows_the_files_of_a_prefix(lake: Lake) -> None:
    keys = [lake.put(f"events/{number}.parquet", rows(number)) for number in (2, 1)]
    lake.put("inventory/3.parquet", rows(3))
    lake.put("_log/1.json", rows(1))

    listed = lake.client.run("LIST @LAKE/events/")
    assert [name for name, *_ in listed] == [f"s3://{lake.bucket.name}/{key}" for key in sorted(keys)]
    assert all(size > 0 and len(md5) == 32 and modified.endswith("GMT") for _, size, md5, modified in listed)
    assert len(lake.client.run("LS @RAW.LAKE")) == 4
    assert lake.client.run("LIST @LAKE/nothing/") == []
    assert lake.client.errno("LIST @LAKE/_log/") == 3127
    assert lake.client.errno("LIST @LAKE/events/ PATTERN = '.*'") == 2


def test_the_storage_role_of_our_terraform_lists_and_reads_data_alone(lake: Lake) -> None:
    """Its right to list is bound to the data's prefixes, so that a list of the stage's root is denied."""
    contracts = ContractRegistry.load()
    assert {f"{contracts[stream].spec.prefix}/" for stream in contracts} == set(DATA_PREFIXES)
    integration = lake.bucket.name.replace("-", "_").upper()
    lake.client.run(
        f"CREATE OR REPLACE STORAGE INTEGRATION {integration} TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' "
        f"ENABLED = TRUE STORAGE_AWS_ROLE_ARN = '{STORAGE_ROLE}' STORAGE_ALLOWED_LOCATIONS = ('s3://{lake.bucket.name}/')"
    )
    keys = [lake.put(key, rows(1)) for key in ("events/1.parquet", "elsewhere/1.parquet")]

    assert len(lake.client.run("LIST @LAKE/events/")) == 1
    assert lake.client.run("LIST @LAKE/inventory/products/") == []
    lake.client.run(lake.copy(keys[0]))
    for statement in ("LIST @LAKE", "LIST @LAKE/", "LIST @LAKE/e", "LIST @LAKE/elsewhere/", lake.copy(keys[1])):
        number, words = lake.client.refused(statement)
        assert (number, "Access Denied (Status Code: 403" in words) == (91003, True), statement


@pytest.mark.usefixtures("emulator_installed")
def test_a_copy_can_be_made_slow_and_ends_when_it_is_to_stop(
    processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path, bucket: Bucket
) -> None:
    slow = start_snowflake_emulator(
        processes, run_directory.path, stack_logs, bucket.server.environment, name="slow-snowflake", copy_seconds=3600
    ).ready()
    with session(slow, session_parameters={"STATEMENT_TIMEOUT_IN_SECONDS": 1}) as client:
        for statement in ("CREATE DATABASE D", "CREATE SCHEMA D.RAW", "USE SCHEMA D.RAW"):
            client.run(statement)
        lake = lake_in(client, bucket)
        assert client.errno(lake.copy(lake.put("1.parquet", rows(1)))) == 630
        assert lake.count() == 0
    slow.process.stop()


@pytest.mark.parametrize(
    ("provider", "arn", "place"),
    [
        ("S3", "arn:aws:iam::1:role/r", "s3://lake/"),
        ("S3CHINA", "arn:aws-cn:iam::1:role/r", "s3china://lake/"),
        ("S3GOV", "arn:aws-us-gov:iam::1:role/r", "s3gov://lake/"),
    ],
)
def test_an_integration_is_of_one_of_the_partitions_of_aws(client: Client, provider: str, arn: str, place: str) -> None:
    def create(provider: str, arn: str, place: str) -> str:
        return (
            "CREATE OR REPLACE STORAGE INTEGRATION OF_A_CLOUD TYPE = EXTERNAL_STAGE "
            f"STORAGE_PROVIDER = '{provider}' ENABLED = TRUE STORAGE_AWS_ROLE_ARN = '{arn}' "
            f"STORAGE_ALLOWED_LOCATIONS = ('{place}')"
        )

    client.run(create(provider, arn, place))
    assert client.errno(create(provider, "arn:aws-iso:iam::1:role/r", place)) == 1008
    assert client.errno(create(provider, arn, place.replace("://", "x://"))) == 1008


def test_a_million_rows_are_copied_as_columns(lake: Lake) -> None:
    count = 1_000_000
    key = lake.put("big.parquet", {"id": pa.array(range(count), pa.int64()), "name": pa.array(["x"] * count)})
    lake.client.run(lake.copy(key))

    assert lake.client.run("SELECT COUNT(*), SUM(ID) FROM EVENTS") == [(count, count * (count - 1) // 2)]
