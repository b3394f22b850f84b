"""The login that queries the marts in Snowflake: the reader's own user with its own key, which is sufficient.

Also the queries that an operator may run with a login that could write.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import ConfigurationError
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.snowflake import query
from orchestration.warehouse.snowflake.login import Login, reader_login
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from tests.snowflake.keys import key_pair

DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment that names an account, without any login to it."""
    monkeypatch.chdir(tmp_path)
    for field in SnowflakeSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "MYORG-MYACCOUNT")
    return monkeypatch


def test_the_readers_key_is_enough_to_query_and_not_to_load(account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "reader.p8"
    path.write_text(key_pair("reader").private)
    account.setenv("SNOWFLAKE_READER_PRIVATE_KEY_PATH", str(path))

    login = reader_login(SnowflakeSettings.load_for_reader(), DATABASE)

    assert (login.user, login.role, login.warehouse) == (
        "DP_MAILBLAZE_DEMO_DEV_SVC_READER",
        "DP_MAILBLAZE_DEMO_DEV_READER",
        "DP_MAILBLAZE_DEMO_DEV_BI_WH",
    )
    assert [key.path for key in login.keys] == [path]
    with pytest.raises(ConfigurationError, match="neither SNOWFLAKE_PRIVATE_KEY_PATH nor"):
        SnowflakeSettings.load()


def test_where_the_reader_has_a_key_no_other_is_used(account: pytest.MonkeyPatch) -> None:
    account.setenv("SNOWFLAKE_PRIVATE_KEY", key_pair("loader").private)
    account.setenv("SNOWFLAKE_DBT_USER", "DBT")
    account.setenv("SNOWFLAKE_DBT_PRIVATE_KEY", key_pair("dbt").private)
    as_dbt = reader_login(SnowflakeSettings.load_for_reader(), DATABASE)
    account.setenv("SNOWFLAKE_READER_USER", "SOMEBODY")
    account.setenv("SNOWFLAKE_READER_PRIVATE_KEY", key_pair("reader").private)
    as_reader = reader_login(SnowflakeSettings.load_for_reader(), DATABASE)

    assert (as_dbt.user, as_dbt.role) == ("DBT", "DP_MAILBLAZE_DEMO_DEV_READER")
    assert (as_reader.user, len(as_reader.keys)) == ("SOMEBODY", 1)
    assert as_reader.keys[0].der not in {key.der for key in as_dbt.keys}


def test_without_any_key_a_reader_is_told_which_one_to_set(account: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="SNOWFLAKE_READER_PRIVATE_KEY_PATH"):
        SnowflakeSettings.load_for_reader()


READS = [
    "select * from RAW._LOADS",
    "-- why\n// so\n/* select */ WITH one AS (select 1) select * from one",
    "((select 1) union (select 2))",
    "SHOW GRANTS TO ROLE X",
    "desc table T",
    "list @RAW.STG_S3_RAW",
    "explain using text delete from T",
]
WRITES = [
    "",
    "drop table RAW.ORDERS",
    "/* select */ delete from RAW.ORDERS",
    "-- select\ninsert into T select 1",
    "call system$wait(1)",
    "execute immediate 'drop table T'",
    "begin drop table T; end",
    "select 1 ->> drop table T",
    "selected",
]


@pytest.fixture
def login(account: pytest.MonkeyPatch) -> Login:
    account.setenv("SNOWFLAKE_PRIVATE_KEY", key_pair("loader").private)
    return reader_login(SnowflakeSettings.load_for_reader(), DATABASE)


@pytest.mark.parametrize("sql", [*READS, *WRITES])
def test_an_operator_s_question_begins_as_a_read_or_is_not_run(
    sql: str, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing, asked = Answer((), (), (), more=False), list[str]()

    def run(login: Login, sql: str, *, limit: int | None) -> Answer:
        asked.append(sql)
        return nothing

    monkeypatch.setattr(query, "run_query", run)
    if sql in READS:
        assert query.run_reading_query(login, sql, limit=1) is nothing
    else:
        with pytest.raises(ConfigurationError, match="it was not run"):
            query.run_reading_query(login, sql, limit=1)
    assert asked == ([sql] if sql in READS else [])
