"""Every function that the account knows, against what Snowflake's documentation says of it."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from local.snowflake.emulator.known_functions import KNOWN
from tests.local.snowflake.conftest import Client


def naive(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


D, TS = "'2024-03-03'::DATE", "'2024-02-29 23:45:01.5'::TIMESTAMP_NTZ"
SCALAR: dict[str, Any] = {
    "ABS(-2)": 2, "SIGN(-2.5)": -1, "CEIL(1.2)": 2, "CEILING(1.2)": 2, "FLOOR(-1.2)": -2, "SQRT(4)": 2.0, "EXP(0)": 1.0,
    "LN(1)": 0.0, "POWER(2, 3)": 8.0, "POW(2, 3)": 8.0, "MOD(-5, 3)": -2, "ROUND(2.5)": 3,
    "ROUND(-2.55, 1)": Decimal("-2.6"),
    "TRUNC(2.78, 1)": Decimal("2.7"), "GREATEST(1, 3)": 3, "GREATEST(1, NULL)": None, "LEAST(1, 3)": 1,
    "DIV0(1, 0)": 0, "DIV0NULL(1, NULL)": 0, "BITAND(6, 3)": 2, "BITOR(6, 3)": 7, "BITXOR(6, 3)": 5,
    "COALESCE(NULL, 2)": 2, "NVL(NULL, 2)": 2, "IFNULL(NULL, 2)": 2, "NVL2(NULL, 1, 2)": 2, "IFF(1 = 1, 'y', 'n')": "y",
    "NULLIF(1, 1)": None, "NULLIFZERO(0)": None, "ZEROIFNULL(NULL)": 0, "EQUAL_NULL(NULL, NULL)": True,
    "DECODE(2, 1, 'one', 2, 'two')": "two",
    "LENGTH('ünï')": 3, "LEN('ab')": 2, "UPPER('ab')": "AB", "LOWER('AB')": "ab", "TRIM('  a ')": "a",
    "LTRIM('xxa', 'x')": "a",
    "RTRIM('axx', 'x')": "a", "LPAD('7', 3, '0')": "007", "RPAD('7', 3, '0')": "700", "LEFT('abc', 2)": "ab",
    "RIGHT('abc', 2)": "bc", "SUBSTR('abcdef', 2, 3)": "bcd", "SUBSTRING('abcdef', 4)": "def",
    "REPLACE('abc', 'b', 'x')": "axc",
    "REVERSE('abc')": "cba", "REPEAT('ab', 2)": "abab", "SPACE(2)": "  ", "CONCAT('a', 'b')": "ab",
    "CONCAT('a', NULL)": None,
    "CONCAT_WS('-', 'a', 'b')": "a-b", "CONCAT_WS('-', 'a', NULL)": None, "CONTAINS('abc', 'b')": True,
    "STARTSWITH('abc', 'a')": True, "ENDSWITH('abc', 'a')": False, "CHARINDEX('c', 'abc')": 3,
    "POSITION('c' IN 'abc')": 3,
    "SPLIT_PART('a.b.c', '.', 2)": "b", "SPLIT_PART('a.b.c', '.', -1)": "c", "TRANSLATE('abc', 'ab', 'xy')": "xyc",
    "ASCII('a')": 97, "CHR(97)": "a", "MD5('a')": "0cc175b9c0f1b6a831c399e269772661",
    "MD5_HEX('a')": "0cc175b9c0f1b6a831c399e269772661",
    "SHA2('a')": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    "SHA2_HEX('a', 256)": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    "HEX_ENCODE('ab')": "6162", "TO_BINARY('00FF', 'HEX')": b"\x00\xff", "LENGTH(UUID_STRING())": 36,
    "REGEXP_LIKE('abc', 'b')": False, "REGEXP_LIKE('abc', '.b.')": True, "'abc' RLIKE '.*c'": True,
    "REGEXP_REPLACE('a1b2', '[0-9]')": "ab", "REGEXP_SUBSTR('ab12', '[0-9]+')": "12", "REGEXP_COUNT('aXbX', 'X')": 2,
    "'abc' LIKE 'a%'": True, "'abc' ILIKE 'A%'": True,
    f"YEAR({D})": 2024, f"MONTH({D})": 3, f"DAY({D})": 3, f"DAYOFMONTH({D})": 3, f"QUARTER({D})": 1,
    f"DAYOFWEEK({D})": 0,
    f"DAYOFWEEKISO({D})": 7, f"DAYOFYEAR({D})": 63, f"WEEK({D})": 9, f"WEEKISO({D})": 9, f"WEEKOFYEAR({D})": 9,
    "YEAROFWEEK('2024-12-30'::DATE)": 2025, "YEAROFWEEKISO('2024-12-30'::DATE)": 2025, f"DAYNAME({D})": "Sun",
    f"MONTHNAME({D})": "Mar", f"HOUR({TS})": 23, f"MINUTE({TS})": 45, f"SECOND({TS})": 1,
    f"EXTRACT(YEAR FROM {D})": 2024, f"DATE_PART('epoch_second', {TS})": 1709250301,
    f"LAST_DAY({TS})": date(2024, 2, 29),
    f"DATE_TRUNC('month', {D})": date(2024, 3, 1), f"DATE_TRUNC('hour', {TS})": naive(2024, 2, 29, 23),
    f"DATEADD('year', 1, {TS})": naive(2025, 2, 28, 23, 45, 1, 500000), f"DATEADD(hour, 1, {D})": naive(2024, 3, 3, 1),
    f"TIMEADD('day', 1, {D})": date(2024, 3, 4), f"TIMESTAMPADD('day', -1, {D})": date(2024, 3, 2),
    f"ADD_MONTHS({D}, 1)": date(2024, 4, 3), "DATEDIFF('month', '2024-01-31'::DATE, '2024-02-01'::DATE)": 1,
    f"TIMEDIFF('day', {TS}, {D})": 3, f"TIMESTAMPDIFF('hour', {TS}, {D})": 49,
    "DATE_FROM_PARTS(2024, 2, 29)": date(2024, 2, 29),
    "TO_DATE('2024-02-29')": date(2024, 2, 29), "DATE('2024-02-29')": date(2024, 2, 29),
    "TO_DATE('29.02.2024', 'DD.MM.YYYY')": date(2024, 2, 29), "TO_TIME('10:11:12')": time(10, 11, 12),
    "TO_TIMESTAMP('2024-02-29 01:02:03')": naive(2024, 2, 29, 1, 2, 3),
    "TO_TIMESTAMP_NTZ('2024-02-29T01:02:03+05:00')": naive(2024, 2, 29, 1, 2, 3),
    "TO_TIMESTAMP_TZ('2024-02-29T01:00:00+01:00')::VARCHAR": "2024-02-29 00:00:00.000 +0000",
    "TO_TIMESTAMP_LTZ('2024-02-29 01:00:00')::TIMESTAMP_NTZ": naive(2024, 2, 29, 1),
    "TRY_TO_DATE('x')": None, "TRY_TO_TIMESTAMP('x')": None, "TRY_TO_TIMESTAMP_NTZ('x')": None,
    "TRY_TO_TIMESTAMP_TZ('x')": None,
    f"TO_CHAR({TS}, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF3')": "2024-02-29T23:45:01.500", "TO_VARCHAR(1.50)": "1.50",
    f"TO_VARCHAR({TS})": "2024-02-29 23:45:01.500", "TO_CHAR(TRUE)": "true",
    "TO_NUMBER('12.345', 10, 2)": Decimal("12.35"), "TO_DECIMAL('1.5', 3, 1)": Decimal("1.5"), "TO_NUMERIC('2')": 2,
    "TRY_TO_NUMBER('x')": None, "TRY_TO_DECIMAL('1.5', 3, 1)": Decimal("1.5"), "TRY_TO_NUMERIC('x')": None,
    "TO_DOUBLE('1.5')": 1.5, "TRY_TO_DOUBLE('x')": None, "TO_BOOLEAN('yes')": True, "TRY_TO_BOOLEAN('x')": None,
    "TRY_CAST('12.345' AS NUMBER(5,2))": Decimal("12.35"), "CAST('7' AS INT)": 7, "TRUE::INT": 1,
    "CONVERT_TIMEZONE('UTC', 'Europe/Berlin', '2024-07-01 10:00:00'::TIMESTAMP_NTZ)": naive(2024, 7, 1, 12),
    "PARSE_JSON('{\"a\": [1, \"x\"]}'):a[1]::VARCHAR": "x",
    "GET_PATH(PARSE_JSON('{\"a\": {\"b\": 2}}'), 'a.b')::INT": 2,
    "GET(PARSE_JSON('{\"a\": 1}'), 'a')::INT": 1, "ARRAY_SIZE(PARSE_JSON('[1, 2]'))": 2, "TRY_PARSE_JSON('{')": None,
    "OBJECT_KEYS(PARSE_JSON('{\"a\": 1}'))::VARCHAR": '["a"]', "TYPEOF(PARSE_JSON('1'))": "INTEGER",
    "TO_JSON(PARSE_JSON('{\"a\": 1}'))": '{"a":1}', "TO_VARIANT('x')::VARCHAR": "x",
    "CURRENT_DATABASE() IS NOT NULL": True, "CURRENT_SCHEMA()": "RAW", "CURRENT_ROLE()": "ACCOUNTADMIN",
    "CURRENT_USER()": "TEST",
    "CURRENT_WAREHOUSE()": None, "CURRENT_ACCOUNT()": "EMULATED", "CURRENT_REGION()": "AWS_EU_CENTRAL_1",
    "CURRENT_VERSION()": "10.0.0", "CURRENT_SESSION() IS NOT NULL": True, "IS_ROLE_IN_SESSION('PUBLIC')": True,
    "CURRENT_TIMESTAMP() > '2024-01-01'::TIMESTAMP_TZ": True, "GETDATE() > '2024-01-01'::TIMESTAMP_TZ": True,
    "SYSDATE() > '2024-01-01'::TIMESTAMP_NTZ": True, "CURRENT_DATE() > '2024-01-01'::DATE": True,
}  # fmt: skip
"""Expressions without a table, and their values."""

OVER = "OVER (ORDER BY A)"
ROWS = "(SELECT * FROM VALUES (1, 'x', TRUE), (2, NULL, FALSE), (4, 'y', TRUE) AS V (A, B, C))"
AGGREGATES: dict[str, list[Any]] = {
    "COUNT(*)": [3], "COUNT(B)": [2], "COUNT(DISTINCT B)": [2], "SUM(A)": [7], "AVG(A)": [Decimal("2.333333")],
    "MIN(A)": [1],
    "MAX(B)": ["y"], "MEDIAN(A)": [2], "MODE(C)": [True], "STDDEV(A)": [1.527525], "STDDEV_SAMP(A)": [1.527525],
    "STDDEV_POP(A)": [1.247219], "VARIANCE(A)": [2.333333], "VARIANCE_SAMP(A)": [2.333333], "VAR_SAMP(A)": [2.333333],
    "VARIANCE_POP(A)": [1.555556], "VAR_POP(A)": [1.555556], "CORR(A, A)": [1.0], "COUNT_IF(C)": [2],
    "ANY_VALUE(1)": [1],
    "MIN_BY(B, A)": ["x"], "MAX_BY(B, A)": ["y"], "BOOLAND_AGG(C)": [False], "BOOLOR_AGG(C)": [True],
    "APPROX_COUNT_DISTINCT(A)": [3], "LISTAGG(B, ',') WITHIN GROUP (ORDER BY A DESC)": ["y,x"],
    "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY A)": [2.0],
    f"ROW_NUMBER() {OVER}": [1, 2, 3], f"RANK() {OVER}": [1, 2, 3], f"DENSE_RANK() {OVER}": [1, 2, 3],
    f"NTILE(3) {OVER}": [1, 2, 3],
    f"PERCENT_RANK() {OVER}": [0.0, 0.5, 1.0], f"CUME_DIST() {OVER}": [0.333333, 0.666667, 1.0],
    f"LAG(A) {OVER}": [None, 1, 2],
    f"LEAD(A) {OVER}": [2, 4, None], f"FIRST_VALUE(B) {OVER}": ["x"] * 3,
    f"LAST_VALUE(A) {OVER}": [4] * 3, f"NTH_VALUE(A, 2) {OVER}": [2] * 3, f"SUM(A) {OVER}": [1, 3, 7],
}  # fmt: skip
"""Of A, B and C; their values, in the order of A for window functions."""

ELSEWHERE = {
    "FLATTEN", "GENERATOR", "SEQ1", "SEQ2", "SEQ4", "SEQ8",
    "ARRAY_AGG", "OBJECT_CONSTRUCT",  # known to be Snowflake's, and refused
}  # fmt: skip


def rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def test_scalars(client: Client) -> None:
    row = client.run(f"SELECT {', '.join(SCALAR)}")[0]
    found = dict(zip(SCALAR, row, strict=True))
    assert {expression: rounded(value) for expression, value in found.items()} == SCALAR


def test_aggregates_and_windows(client: Client) -> None:
    found = {
        expression: [rounded(value) for (value,) in client.run(f"SELECT {expression} FROM {ROWS} {order}")]
        for expression, expected in AGGREGATES.items()
        for order in ["ORDER BY A" if len(expected) > 1 else ""]
    }
    assert found == AGGREGATES


def test_none_is_known_that_is_not_tested() -> None:
    tested = " ".join([*SCALAR, *AGGREGATES])
    missing = {name for name in KNOWN - ELSEWHERE if name not in tested}
    assert missing == set()
