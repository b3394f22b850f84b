"""Values come back unchanged, and the account's messages are Snowflake's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from snowflake.connector.errors import Error

from tests.local.snowflake.conftest import Client

CLOCK = datetime(1969, 12, 31, 23, 59, 59, 7)  # noqa: DTZ001
INSTANT = datetime(2024, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)


def naive(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def test_every_type_is_bound_stored_and_read_without_loss(client: Client) -> None:
    client.run(
        "CREATE TABLE EVERY_TYPE (ID NUMBER(38,0) NOT NULL, AT TIMESTAMP_TZ(9), NAME VARCHAR, PRICE NUMBER(12,2), "
        "RAW BINARY, OK BOOLEAN, DAY DATE, RATE FLOAT, CLOCK TIMESTAMP_NTZ, PRIMARY KEY (ID))"
    )
    berlin = INSTANT.astimezone(timezone(timedelta(hours=2)))
    row = [10**30, ("TIMESTAMP_TZ", berlin), "it's \\ ünï", Decimal("1.25"), b"\x00\xff", True, date(2024, 2, 29), 0.1]
    client.run("INSERT INTO EVERY_TYPE VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [*row, CLOCK])
    client.run("INSERT INTO EVERY_TYPE (ID, AT, CLOCK) VALUES (?, ?, ?)", [-1, None, None])

    empty, full = client.run("SELECT * FROM EVERY_TYPE ORDER BY ID")

    assert full == (10**30, INSTANT, "it's \\ ünï", Decimal("1.25"), b"\x00\xff", True, date(2024, 2, 29), 0.1,
                    CLOCK)  # fmt: skip
    assert empty == (-1, *[None] * 8)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("WITH A AS (SELECT ? AS X) SELECT X, ? FROM A WHERE X < ?", (1, 2)),
        ("WITH A AS (SELECT ? AS X), B AS (SELECT ? AS Y) SELECT ?, X, Y, ? FROM B, A", (3, 1, 2, 4)),
        ("SELECT ?, S.X, (SELECT ?) FROM (SELECT ? AS X) AS S WHERE ? > S.X LIMIT ?", (1, 3, 2)),
        ("SELECT CASE WHEN ? > ? THEN ? ELSE ? END, '?', ? -- ?", (4, "?", 5)),
        ("SELECT ? UNION ALL SELECT ? WHERE ? > ? ORDER BY 1", (1,)),
        ("SELECT DATEDIFF('day', ?, ?) FROM (SELECT 1 AS X) WHERE X IN (?, ?)", None),
    ],
)
def test_values_are_bound_in_the_order_of_the_text(client: Client, sql: str, expected: tuple[object, ...]) -> None:
    values = [date(2024, 1, 1), date(2024, 1, 3), 1, 2] if "DATEDIFF" in sql else list(range(1, 1 + sql.count("?")))
    in_text = sql.count("?") - ("'?'" in sql) * 2
    assert client.run(sql, values[:in_text]) == [expected or (2,)]


def test_other_bindings_are_refused(client: Client) -> None:
    assert client.refused("SELECT :1, ?", [1])[0] == 2
    assert client.refused("SELECT ?, ?", [1])[0] == 2049
    assert "FROM ? FROM" in client.refused("SELECT ? FROM ? FROM", [1, 2])[1]


def test_describe_and_information_schema_print_snowflakes_types(client: Client) -> None:
    client.run(
        "CREATE TABLE PRINTED "
        "(A INT NOT NULL, B DECIMAL(12,2), C STRING, D VARCHAR(5), E TIMESTAMP, F DOUBLE, G BINARY)"
    )

    types = {name: type_ for name, type_, *_ in client.run("DESCRIBE TABLE PRINTED")}

    assert types == {
        "A": "NUMBER(38,0)", "B": "NUMBER(12,2)", "C": "VARCHAR(16777216)", "D": "VARCHAR(5)", "E": "TIMESTAMP_NTZ(9)",
        "F": "FLOAT", "G": "BINARY(8388608)",
    }  # fmt: skip
    assert client.run(
        "SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE, IS_NULLABLE FROM INFORMATION_SCHEMA.COLUMNS "
        "WHERE TABLE_NAME = 'PRINTED' ORDER BY ORDINAL_POSITION LIMIT 3"
    ) == [("A", "NUMBER", 38, 0, "NO"), ("B", "NUMBER", 12, 2, "YES"), ("C", "TEXT", None, None, "YES")]


def test_a_key_is_not_enforced_and_not_null_is(client: Client) -> None:
    client.run("CREATE TABLE KEYED (ID INT, NAME VARCHAR, PRIMARY KEY (ID))")
    client.run("INSERT INTO KEYED VALUES (1, 'a'), (1, 'b')")

    assert client.value("SELECT COUNT(*) FROM KEYED") == 2
    assert client.errno("INSERT INTO KEYED (NAME) VALUES ('c')") == 100072


def test_what_is_unknown_is_an_error(client: Client) -> None:
    client.run("CREATE TABLE KNOWN (A INT, B VARCHAR)")

    number, words = client.refused("SELECT LIST_SORT(B) FROM KNOWN")
    assert (number, words.splitlines()[1]) == (2140, "Unknown function LIST_SORT")
    assert client.errno("SELECT EPOCH_MS(1)") == 2140
    assert client.errno("SELEC 1") == 1003
    assert client.errno("SELECT NOPE FROM KNOWN") == 904
    assert client.errno('SELECT "a" FROM KNOWN') == 904
    assert client.errno("SELECT * FROM NOPE") == 2003
    assert client.errno('SELECT * FROM "known"') == 2003
    assert client.errno("PRAGMA database_list") in (2, 1003)
    for duckdbs_own in (
        "FROM KNOWN", "SELECT DISTINCT ON (A) A FROM KNOWN", "SELECT A == 1 FROM KNOWN", "SELECT * FROM 'x.parquet'",
        "SELECT * FROM READ_PARQUET('x')", "SELECT 1::HUGEINT", "SELECT CURRENT_DATE() + INTERVAL '1 day'",
        "SELECT * FROM KNOWN AT(OFFSET => -60)", "CREATE TABLE COPIED CLONE KNOWN", "SUMMARIZE KNOWN", "SELECT [1, 2]",
        "ATTACH 'x' AS y", "CALL PRAGMA_VERSION()",
    ):  # fmt: skip
        assert client.errno(duckdbs_own) in (2, 1003, 2140), duckdbs_own
    assert client.errno("CREATE PIPE P AS COPY INTO KNOWN FROM @S") == 2
    assert client.errno("USE SCHEMA NOWHERE") == 2043
    assert client.errno("ALTER SESSION SET NO_SUCH_PARAMETER = 1") == 1006
    assert client.errno("ALTER SESSION SET TIMEZONE = 'Europe/Berlin'") == 2


def test_what_no_statement_of_ours_needs_is_refused_by_name(client: Client) -> None:
    client.run("CREATE TABLE KEPT (A INT, B VARCHAR)")
    for statement, named in (
        ("SHOW TABLES", "SHOW TABLES"),
        ("SHOW GRANTS TO ROLE SYSADMIN", "TO ROLE SYSADMIN"),
        ("SHOW GRANTS ON SCHEMA RAW", "SHOW GRANTS ON"),
        ("DESCRIBE USER TEST", "DESCRIBE USER"),
        ("ALTER USER TEST UNSET DISABLED", "ALTER USER"),
        ("ALTER WAREHOUSE X RESUME", "ALTER WAREHOUSE"),
        ("ALTER ACCOUNT SET TIMEZONE = 'UTC'", "ALTER ACCOUNT"),
        ("SHOW PARAMETERS IN ACCOUNT", "SHOW PARAMETERS"),
        ("REVOKE GRANT OPTION FOR SELECT ON TABLE KEPT FROM ROLE SYSADMIN", "grant option"),
        ("ALTER TABLE KEPT RENAME TO LOST", "RENAME TO LOST"),
        ("ALTER TABLE KEPT DROP COLUMN B", "DROP COLUMN B"),
        ("ALTER TABLE KEPT ALTER COLUMN A SET NOT NULL", "SET NOT NULL"),
        ("COMMENT ON SCHEMA RAW IS 'x'", "COMMENT ON SCHEMA"),
        ("DROP ROLE SYSADMIN", "DROP ROLE"),
        ("GRANT OWNERSHIP ON TABLE KEPT TO ROLE SYSADMIN", "GRANT OWNERSHIP"),
        ("GRANT SELECT ON ALL STAGES IN SCHEMA RAW TO ROLE SYSADMIN", "STAGES"),
        ("GRANT MANAGE GRANTS ON ACCOUNT TO ROLE SYSADMIN", "GRANT ON ACCOUNT"),
        ("TRUNCATE TABLE KEPT", "TRUNCATE TABLE KEPT"),
        ("CREATE MASKING POLICY M AS (V VARCHAR) RETURNS VARCHAR -> V", "CREATE MASKING POLICY"),
        ("CREATE TAG T", "CREATE TAG"),
        ("CREATE OR REPLACE SCHEMA OTHER", "CREATE OR REPLACE SCHEMA"),
        ("CREATE DATABASE OTHER COMMENT = 'x'", "COMMENT"),
        ("CREATE TRANSIENT SCHEMA OTHER", "CREATE TRANSIENT SCHEMA"),
        ("CREATE TABLE CLUSTERED (A INT) CLUSTER BY (A)", "CLUSTER BY"),
        ("CREATE TABLE FILLED (A INT DEFAULT 1)", "DEFAULT 1"),
        ("INSERT OVERWRITE INTO KEPT VALUES (1, 'x')", "INSERT OVERWRITE of VALUES"),
        ("SELECT COUNT(*) FROM INFORMATION_SCHEMA.VIEWS", "INFORMATION_SCHEMA.VIEWS"),
        ("SELECT SYSTEM$CANCEL_ALL_QUERIES(1)", "SYSTEM$CANCEL_ALL_QUERIES"),
        ("SELECT DATE_PART('epoch_second', CURRENT_TIMESTAMP())", "EPOCH_SECOND"),
        ("SELECT CONVERT_TIMEZONE('UTC', 'Europe/Berlin', CURRENT_TIMESTAMP())", "CONVERT_TIMEZONE"),
    ):
        number, words = client.refused(statement)
        assert (number, named in words, "emulated account" in words) == (2, True, True), (statement, words)
    for rarer in ("MEDIAN(A)", "TYPEOF(B)", "FLATTEN(B)", "YEAR(CURRENT_DATE())"):
        number, words = client.refused(f"SELECT {rarer} FROM KEPT")
        assert (number, "or one that is not emulated" in words) == (2140, True), words
    with client.connection.cursor() as cursor:
        with pytest.raises(Error) as caught:
            cursor.executemany("INSERT INTO KEPT VALUES (?, ?)", [(1, "a"), (2, "b")])
        assert caught.value.errno == 2
        with pytest.raises(Error) as caught:
            cursor.describe("SELECT * FROM KEPT")
        assert caught.value.errno == 2
    assert client.value("SELECT COUNT(*) FROM KEPT") == 0


def test_rows_are_replaced_by_what_a_query_makes_of_them(client: Client) -> None:
    """All at once: a query that fails leaves them."""
    client.run("CREATE TABLE TOTALS (NAME VARCHAR(3), TOTAL NUMBER(38,0))")
    client.run("INSERT INTO TOTALS VALUES ('a', 1), ('b', 2), ('c', 3)")
    overwrite = "INSERT OVERWRITE INTO TOTALS (TOTAL, NAME) SELECT TOTAL + 1, NAME FROM TOTALS WHERE NAME <> 'b'"
    assert client.run(overwrite) == [(2,)]
    client.refused("INSERT OVERWRITE INTO TOTALS SELECT 'too long', 1")
    client.run("BEGIN")
    client.run("INSERT OVERWRITE INTO TOTALS SELECT NAME, 0 FROM TOTALS")
    client.run("ROLLBACK")
    assert client.run("SELECT NAME, TOTAL FROM TOTALS ORDER BY 1") == [("a", 2), ("c", 4)]
    assert client.run("INSERT OVERWRITE INTO TOTALS SELECT NAME, TOTAL FROM TOTALS WHERE FALSE") == [(0,)]
    assert client.value("SELECT COUNT(*) FROM TOTALS") == 0


def test_quotients_of_numbers_are_exact(client: Client) -> None:
    assert client.run("SELECT 7 / 2, 1 / 3, 2 / 3, 10000000000000001 / 3") == [
        (Decimal("3.5"), Decimal("0.333333"), Decimal("0.666667"), Decimal("3333333333333333.666667"))
    ]
    client.run("CREATE TABLE AMOUNTS (PRICE NUMBER(12,2), N INT)")
    client.run("INSERT INTO AMOUNTS VALUES (0.10, 1), (0.20, 2), (0.30, 4)")
    assert client.run(
        "SELECT SUM(PRICE), SUM(PRICE) / COUNT(*), SUM(N) / COUNT(*), SUM(PRICE) / SUM(N) FROM AMOUNTS"
    ) == [(Decimal("0.60"), Decimal("0.2"), Decimal("2.333333"), Decimal("0.08571429"))]
    assert client.errno("SELECT 1 / 0") == 100051


def test_json_is_read_by_path(client: Client) -> None:
    payload = """'{"items": [{"sku": "a", "n": 1}, {"sku": "b"}], "none": null}'"""
    assert client.run(
        f"SELECT GET_PATH(PARSE_JSON({payload}), 'items[0].sku')::VARCHAR, ARRAY_SIZE(PARSE_JSON({payload}):items), "
        f"GET_PATH(PARSE_JSON({payload}), 'none')::VARCHAR, ARRAY_SIZE(PARSE_JSON({payload}):none)"
    ) == [("a", 2, None, None)]


def test_times_follow_snowflakes_rules(client: Client) -> None:
    text = "'2024-03-01T01:30:00+02:00'"
    assert client.run(
        f"SELECT {text}::TIMESTAMP_NTZ, CONVERT_TIMEZONE('UTC', {text}::TIMESTAMP_TZ)::TIMESTAMP_NTZ, "
        "TRY_CAST('soon' AS TIMESTAMP_TZ), CAST('2024-03-01 01:30:00'::TIMESTAMP_NTZ AS VARCHAR)"
    ) == [(naive(2024, 3, 1, 1, 30), naive(2024, 2, 29, 23, 30), None, "2024-03-01 01:30:00.000")]
    assert client.run(
        "SELECT DATEADD('month', 1, '2024-01-31'::DATE), DATEDIFF('day', '2024-01-31'::DATE, '2024-03-01'::DATE), "
        "DAYOFWEEKISO('2024-03-03'::DATE), WEEKISO('2024-01-01'::DATE), DATE_TRUNC('month', '2024-03-03'::DATE)"
    ) == [(date(2024, 2, 29), 30, 7, 1, date(2024, 3, 1))]


def test_statements_are_recorded_with_their_tag(client: Client) -> None:
    client.run("ALTER SESSION SET QUERY_TAG = 'run 7'")
    client.run("SELECT 'tagged'")
    client.run("ALTER SESSION SET QUERY_TAG = ''")

    assert client.run(
        "SELECT QUERY_TAG, USER_NAME, ROLE_NAME, EXECUTION_STATUS FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) "
        "WHERE QUERY_TEXT = 'SELECT ''tagged'''"
    ) == [("run 7", "TEST", "ACCOUNTADMIN", "SUCCESS")]


def test_a_session_keeps_a_text(client: Client) -> None:
    assert client.value("SELECT GETVARIABLE('A_TEXT')") is None
    client.run("SET a_text = 'it''s kept'")
    assert client.value("SELECT GETVARIABLE('A_TEXT')") == "it's kept"
    assert client.errno(f"SET a_text = '{'x' * 257}'") == 1063
