"""Snowflake's arithmetic and texts as DuckDB macros, in a database of their own so that views everywhere find them.

`typeof` is known when a statement is bound, so the CASEs over it cost nothing at run time.
"""

from __future__ import annotations

from sqlglot import exp

SCHEMA = "_emulator.main"

CREATION = f"""
ATTACH ':memory:' AS _emulator;

-- A quotient has six more digits after the point than the dividend has; FLOAT stays FLOAT. It is exact to its last
-- digit: the double's error is found by multiplying back.
CREATE MACRO {SCHEMA}.quotient_type(a, b) AS coalesce(a, 0) * 1.000000::DECIMAL(7,6) + coalesce(b, 0);
CREATE MACRO {SCHEMA}.rough(a, b) AS cast_to_type(a::DOUBLE / b::DOUBLE, {SCHEMA}.quotient_type(a, b));
CREATE MACRO {SCHEMA}.divide(a, b) AS
    CASE WHEN b = 0 THEN cast_to_type(error('Division by zero' || left(b::VARCHAR, 0)), {SCHEMA}.quotient_type(a, b))
         WHEN typeof({SCHEMA}.quotient_type(a, b)) IN ('DOUBLE', 'FLOAT') THEN {SCHEMA}.rough(a, b)
         ELSE {SCHEMA}.rough(a, b)
              + cast_to_type((a - {SCHEMA}.rough(a, b) * b)::DOUBLE / b::DOUBLE, {SCHEMA}.quotient_type(a, b))
    END;

-- A value as text, as Snowflake's default output formats print it.
CREATE MACRO {SCHEMA}.as_text(x) AS CASE
    WHEN typeof(x) = 'TIMESTAMP' THEN strftime(x::VARCHAR::TIMESTAMP, '%Y-%m-%d %H:%M:%S.%g')
    WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE'
        THEN strftime(x::VARCHAR::TIMESTAMPTZ AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%g') || ' +0000'
    WHEN typeof(x) = 'JSON' THEN x::VARCHAR::JSON ->> '$'
    WHEN typeof(x) = 'BLOB' THEN hex(x::VARCHAR::BLOB)
    WHEN typeof(x) = 'DOUBLE' THEN regexp_replace(x::VARCHAR, '\\.0$', '')
    ELSE x::VARCHAR END;

-- A text of at most n characters, cut as a cast cuts it.
CREATE MACRO {SCHEMA}.fitting_text(x, n) AS
    CASE WHEN length(x) > n THEN left(x, n) ELSE x END;

-- A text that goes into a column of n characters.
CREATE MACRO {SCHEMA}.stored_text(x, n) AS
    CASE WHEN length(x) > n THEN error('String "' || x || '" is too long and would be truncated') ELSE x END;

-- A text's own clock: TIMESTAMP_NTZ drops the offset that a text carries.
CREATE MACRO {SCHEMA}.without_offset(x) AS
    CASE WHEN typeof(x) = 'VARCHAR'
         THEN regexp_replace(
             x::VARCHAR, '(\\d{{2}}:\\d{{2}}(?::\\d{{2}}(?:\\.\\d+)?)?)\\s*(Z|[+-]\\d{{2}}:?\\d{{0,2}})$', '\\1')
         ELSE x::VARCHAR END;
CREATE MACRO {SCHEMA}.to_naive(x) AS
    CASE WHEN typeof(x) = 'VARCHAR' THEN {SCHEMA}.without_offset(x)::TIMESTAMP
         WHEN typeof(x) = 'JSON' THEN {SCHEMA}.without_offset(x::VARCHAR::JSON ->> '$')::TIMESTAMP
         WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE' THEN x::VARCHAR::TIMESTAMPTZ AT TIME ZONE 'UTC'
         ELSE x::VARCHAR::TIMESTAMP END;
CREATE MACRO {SCHEMA}.try_to_naive(x) AS TRY_CAST({SCHEMA}.without_offset(x) AS TIMESTAMP);
CREATE MACRO {SCHEMA}.to_instant(x) AS
    CASE WHEN typeof(x) = 'JSON' THEN (x::VARCHAR::JSON ->> '$')::TIMESTAMPTZ
         WHEN typeof(x) = 'VARCHAR'
         THEN regexp_replace(x::VARCHAR, '\\s+(Z|[+-]\\d{{2}}:?\\d{{0,2}})$', '\\1')::TIMESTAMPTZ
         ELSE x::VARCHAR::TIMESTAMPTZ END;
"""


def call(name: str, *arguments: exp.Expression) -> exp.Expression:
    """Return a call of one of the macros."""
    return exp.Anonymous(this=f"{SCHEMA}.{name}", expressions=list(arguments))
