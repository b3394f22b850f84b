"""The pages' queries in Snowflake, asked as the reader: the same rows as DuckDB's, under several filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics import sql
from analytics.settings import Settings
from analytics.warehouse.duckdb_file import DuckDBFile
from analytics.warehouse.snowflake_account import SnowflakeAccount
from analytics.warehouse.source import Incomplete, Session
from orchestration.warehouse.protocol import Purpose
from orchestration.warehouse.publication import PublicationRecord, record_publication
from tests.analytics.marts import LAST_DAY, described, invent, record, write
from tests.analytics.semantic import ask, checks
from tests.dbt.test_dashboard import VALUES
from tests.snowflake.account import Account, connect

FILTERS: Mapping[str, Mapping[str, object]] = {
    "everything": {},
    "a campaign, two countries": {
        "every_campaign": 0,
        "campaigns": ("k0",),
        "every_country": 0,
        "countries": ("NL", "unknown"),
    },
    "a category": {
        "every_category": 0,
        "categories": ("garden 'n' home",),
        "every_warehouse": 0,
        "warehouses": ("w1",),
    },
    "nothing": {"every_campaign": 0, "campaigns": ("' or 1 = 1 --",), "first_day": LAST_DAY},
}
EVERYTHING = VALUES | {
    "first_day": LAST_DAY - timedelta(days=89), "last_day": LAST_DAY, "cover_from": LAST_DAY - timedelta(days=27),
    "closing_from": LAST_DAY - timedelta(days=6),
    "every_campaign": 1, "campaigns": (), "every_warehouse": 1, "warehouses": (), "run_id": "run-089",
}  # fmt: skip


@pytest.fixture(scope="module")
def duckdb_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder: Path = tmp_path_factory.mktemp("marts")
    write(folder, invent().tables, publication=record())
    source = DuckDBFile(Settings.of({"WAREHOUSE_DIR": str(folder)}))
    with source.session(source.publication_id()) as session:
        yield session


@pytest.fixture(scope="module")
def reader(shared_account: Account) -> SnowflakeAccount:
    """The account as the page sees it, with the same marts."""
    fill(shared_account)
    settings = Settings.of(
        {"WAREHOUSE": "snowflake", "WAREHOUSE_DATABASE": shared_account.database, **shared_account.environment}
    )
    assert settings.snowflake is not None
    return SnowflakeAccount(settings, settings.snowflake)


def fill(account: Account) -> None:
    """Fill the marts as the database's owner, and write the record as the transformer, as a run does."""
    with closing(connect(account.environment)) as connection, connection.cursor() as cursor:
        for name, rows in invent().tables.items():
            place = f"{account.database}.MART.{name}"
            types = {column: type_.replace("timestamp", "timestamp_ntz") for column, type_ in described()[name].items()}
            cursor.execute(f"create table {place} ({', '.join(f'{column} {types[column]}' for column in types)})")
            for start in range(0, len(rows), 500):
                batch = rows[start : start + 500]
                values = ", ".join(f"({', '.join(literal(row[column]) for column in rows[0])})" for row in batch)
                cursor.execute(f"insert into {place} ({', '.join(rows[0])}) values {values}")
    row = record()
    published_at, business_time = (row[name].replace(tzinfo=UTC) for name in ("published_at", "business_time"))
    for run_id in ("an-older-run", row["run_id"]):
        told = PublicationRecord(run_id, published_at, business_time, row["streams"], row["streams_equal"])
        with account.warehouse().connect(Purpose.PUBLISH) as session:
            record_publication(session, "MART", told)


def literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | Decimal):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def shown(value: object) -> object:
    """Return a number as it is drawn, because warehouses divide decimals with different precision."""
    if isinstance(value, Decimal | float | int) and not isinstance(value, bool):
        return round(float(value), 4)
    return value


@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_time_is_cut_alike(duckdb_session: Session, reader: SnowflakeAccount, grain: str) -> None:
    asked = sql.statement("orders_over_time", EVERYTHING | {"grain": grain})

    days = [row[0] for row in reader.query(asked.sql, asked.values).rows]

    assert days == [row[0] for row in duckdb_session.query(asked.sql, asked.values).rows]
    assert all(isinstance(day, date) for day in days)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_every_query_has_the_same_answer(duckdb_session: Session, reader: SnowflakeAccount, filters: str) -> None:
    different = []
    for name in sql.names():
        asked = sql.statement(name, EVERYTHING | FILTERS[filters])
        ours, theirs = duckdb_session.query(asked.sql, asked.values), reader.query(asked.sql, asked.values)

        assert theirs.columns == ours.columns, name
        pairs = zip(theirs.rows, ours.rows, strict=True)
        different += [(name, one, other) for one, other in pairs if [*map(shown, one)] != [*map(shown, other)]]
    assert different == []


def test_a_mart_that_is_not_there_is_named(reader: SnowflakeAccount) -> None:
    with pytest.raises(Incomplete, match="not those that this page knows"):
        reader.query("select 1 from fct_that_there_is_not", ())
    assert "amber-fox" in reader.publication_id()


def test_metricflow_has_the_same_answers(reader: SnowflakeAccount, shared_account: Account, tmp_path: Path) -> None:
    """dbt's semantic models, asked through dbt's own adapter, and the pages' queries; both as the reader."""
    asked = [
        (EVERYTHING | chosen, check)
        for name, chosen in FILTERS.items()
        for check in checks(EVERYTHING | chosen, parts=name == "everything")
    ]
    login = Settings.of({"WAREHOUSE": "snowflake", **shared_account.environment}).snowflake
    assert login is not None
    target = {
        "DBT_TARGET": "snowflake", "SNOWFLAKE_DATABASE": shared_account.database, "SNOWFLAKE_USER": login.user,
        "SNOWFLAKE_ROLE": login.role, "SNOWFLAKE_WAREHOUSE": login.warehouse,
    }  # fmt: skip
    told = ask([check.question() for _, check in asked], tmp_path, {**shared_account.environment, **target})
    different = []
    for (values, check), answer in zip(asked, told, strict=True):
        statement = sql.statement(check.query, values)
        different += check.different(reader.query(statement.sql, statement.values), answer)

    assert different == []
