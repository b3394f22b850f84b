"""Every function of the emulated account, compared with Snowflake's documentation."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from local.snowflake.emulator.sql.strictness import KNOWN
from tests.local.snowflake.conftest import Client


def naive(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


D, TS = "'2024-03-03'::DATE", "'2024-02-29 23:45:01.5'::TIMESTAMP_NTZ"
SCALAR: dict[str, Any] = {
    "ABS(-2)": 2, "ROUND(2.5)": 3, "ROUND(-2.55, 1)": Decimal("-2.6"),
    "GREATEST(1, 3)": 3, "GREATEST(1, NULL)": None, "LEAST(1, 3)": 1, "COALESCE(NULL, 2)": 2, "NULLIF(1, 1)": None,
    "LENGTH('ünï')": 3, "UPPER('ab')": "AB", "LOWER('AB')": "ab", "TRIM('  a ')": "a",
    "REPLACE('abc', 'b', CHR(120))": "axc",
    "SPLIT_PART('a@b@c', '@', 2)": "b", "SPLIT_PART('a@b@c', '@', -1)": "c", "SPLIT_PART('a@b', '@', 3)": "",
    "SPLIT_PART('a@b', '@', 0)": "a", "SPLIT_PART('a@b', '', 1)": "a@b", "SPLIT_PART(NULL, '@', 1)": None,
    "'a' || 'b'": "ab", "'a' || NULL": None, "MD5('a')": "0cc175b9c0f1b6a831c399e269772661",
    "SHA2('a')": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    "SHA2('a', 256)": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    "REGEXP_LIKE('abc', 'b')": False, "REGEXP_LIKE('abc', '.b.')": True, "'abc' RLIKE '.*c'": True,
    "'abc' LIKE 'a%'": True, "'abc' ILIKE 'A%'": True,
    f"DAYOFWEEKISO({D})": 7, f"WEEKISO({D})": 9, f"EXTRACT(YEAR FROM {D})": 2024, f"EXTRACT(QUARTER FROM {D})": 1,
    f"DATE_PART('epoch_microsecond', {TS})": 1709250301500000,
    f"DATE_TRUNC('month', {D})": date(2024, 3, 1), f"DATE_TRUNC('hour', {TS})": naive(2024, 2, 29, 23),
    f"DATEADD('year', 1, {TS})": naive(2025, 2, 28, 23, 45, 1, 500000), f"DATEADD(hour, 1, {D})": naive(2024, 3, 3, 1),
    "DATEDIFF('month', '2024-01-31'::DATE, '2024-02-01'::DATE)": 1, f"DATEDIFF('hour', {TS}, {D})": 49,
    "TO_TIMESTAMP_NTZ('2024-02-29T01:02:03+05:00')": naive(2024, 2, 29, 1, 2, 3),
    "'2024-02-29T01:00:00+01:00'::TIMESTAMP_TZ::VARCHAR": "2024-02-29 00:00:00.000 +0000",
    "CONVERT_TIMEZONE('UTC', '2024-02-29T01:00:00+01:00'::TIMESTAMP_TZ)::TIMESTAMP_NTZ": naive(2024, 2, 29),
    f"CONVERT_TIMEZONE('UTC', 'Europe/Amsterdam', {TS})": naive(2024, 3, 1, 0, 45, 1, 500000),
    f"TO_CHAR({TS}, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF3')": "2024-02-29T23:45:01.500", "TO_VARCHAR(1.50)": "1.50",
    f"TO_VARCHAR({TS})": "2024-02-29 23:45:01.500", "TO_CHAR(TRUE)": "true",
    "TRY_CAST('12.345' AS NUMBER(5,2))": Decimal("12.35"), "CAST('7' AS INT)": 7, "TRUE::INT": 1,
    "PARSE_JSON('{\"a\": [1, \"x\"]}'):a[1]::VARCHAR": "x",
    "GET_PATH(PARSE_JSON('{\"a\": {\"b\": 2}}'), 'a.b')::INT": 2, "ARRAY_SIZE(PARSE_JSON('[1, 2]'))": 2,
    "TO_JSON('a\"b\\n'::VARIANT)": '"a\\"b\\n"', "TO_JSON(NULL::VARIANT)": None,
    "IS_VARCHAR(PARSE_JSON('\"a\"'))": True, "IS_VARCHAR(PARSE_JSON('1'))": False,
    "CURRENT_DATABASE() IS NOT NULL": True, "CURRENT_SCHEMA()": "RAW", "CURRENT_ROLE()": "ACCOUNTADMIN",
    "CURRENT_SECONDARY_ROLES()": '{"roles":"","value":""}',
    "CURRENT_USER()": "TEST", "CURRENT_WAREHOUSE()": None, "CURRENT_SESSION() IS NOT NULL": True,
    "CURRENT_TIMESTAMP() > '2024-01-01'::TIMESTAMP_TZ": True, "CURRENT_DATE() > '2024-01-01'::DATE": True,
}  # fmt: skip
"""Expressions without a table, and their values."""

OVER = "OVER (ORDER BY A)"
ROWS = "(SELECT * FROM VALUES (1, 'x', TRUE), (2, NULL, FALSE), (4, 'y', TRUE) AS V (A, B, C))"
AGGREGATES: dict[str, list[Any]] = {
    "COUNT(*)": [3], "COUNT(B)": [2], "COUNT(DISTINCT B)": [2], "SUM(A)": [7],
    "AVG(A)": [Decimal("2.333333")], "AVG(DISTINCT A::NUMBER(10,2))": [Decimal("2.33333333")], "AVG(A::FLOAT)": [7 / 3],
    "AVG(NULLIF(A, A))": [None], "MIN(A)": [1], "MAX(B)": ["y"],
    "ANY_VALUE(1)": [1], f"ROW_NUMBER() {OVER}": [1, 2, 3], f"LAG(A) {OVER}": [None, 1, 2],
    f"LEAD(A) {OVER}": [2, 4, None], f"SUM(A) {OVER}": [1, 3, 7], "RANK() OVER (ORDER BY A >= 2)": [1, 2, 2],
}  # fmt: skip
"""Of A, B and C; their values, in the order of A for window functions."""

REFUSED = {"ARRAY_AGG(1)", "OBJECT_CONSTRUCT('a', 1)"}
"""Known to be Snowflake's, and not emulated."""


def test_scalars(client: Client) -> None:
    row = client.run(f"SELECT {', '.join(SCALAR)}")[0]
    assert dict(zip(SCALAR, row, strict=True)) == SCALAR


def test_aggregates_and_windows(client: Client) -> None:
    found = {
        expression: [value for (value,) in client.run(f"SELECT {expression} FROM {ROWS} {order}")]
        for expression, expected in AGGREGATES.items()
        for order in ["ORDER BY A" if len(expected) > 1 else ""]
    }
    assert found == AGGREGATES


def test_arrays_are_flattened(client: Client) -> None:
    arrays = """(VALUES (1, '["x", "y", 7, null]'), (2, '{"a": "z"}'), (3, NULL)) AS A (ID, T)"""
    rows = client.run(
        f"SELECT A.ID, M.VALUE::VARCHAR FROM {arrays}, LATERAL FLATTEN(INPUT => PARSE_JSON(A.T), MODE => 'ARRAY') AS M"
        " WHERE IS_VARCHAR(M.VALUE) ORDER BY 1, 2"
    )
    assert rows == [(1, "x"), (1, "y")]
    assert client.errno("SELECT * FROM (SELECT '[1]' AS T) AS A, LATERAL FLATTEN(INPUT => PARSE_JSON(A.T)) AS M") == 2


def test_what_would_mean_something_else_is_refused(client: Client) -> None:
    assert {client.errno(f"SELECT {expression}") for expression in REFUSED} == {2}


def test_none_is_known_that_is_not_tested() -> None:
    tested = " ".join([*SCALAR, *AGGREGATES, *REFUSED, "GETVARIABLE"])  # a session variable has a test of its own
    assert {name for name in KNOWN if not re.search(rf"\b{name}\b", tested)} == set()
