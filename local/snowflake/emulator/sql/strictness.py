"""Refuses SQL that DuckDB accepts but Snowflake refuses or understands otherwise."""

from __future__ import annotations

from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

from local.snowflake.emulator.errors import syntax_error, unknown_function, unsupported

_FUNCTIONS = """
ABS ANY_VALUE ARRAY_AGG ARRAY_SIZE AVG CAST CHR COALESCE CONVERT_TIMEZONE COUNT CURRENT_DATABASE CURRENT_DATE
CURRENT_ROLE CURRENT_SCHEMA CURRENT_SECONDARY_ROLES CURRENT_SESSION CURRENT_TIMESTAMP CURRENT_USER CURRENT_WAREHOUSE
DATEADD DATEDIFF DATE_PART DATE_TRUNC DAYOFWEEKISO EXTRACT GETVARIABLE GET_PATH GREATEST ILIKE IS_VARCHAR LAG LEAD
LEAST LENGTH LIKE LOWER MAX MD5 MIN NULLIF OBJECT_CONSTRUCT PARSE_JSON RANK REGEXP_LIKE REPLACE RLIKE ROUND ROW_NUMBER
SHA2 SPLIT_PART SUM TO_CHAR TO_JSON TO_TIMESTAMP_NTZ TO_VARCHAR TRIM TRY_CAST UPPER WEEKISO
"""
_TYPES = """
NUMBER DECIMAL NUMERIC VARCHAR CHAR CHARACTER STRING TEXT BINARY VARBINARY TIMESTAMP TIMESTAMP_NTZ TIMESTAMP_TZ
TIMESTAMP_LTZ TIME DATETIME NVARCHAR NCHAR FLOAT
"""

KNOWN = frozenset(_FUNCTIONS.split())
"""The functions that the account knows, by the names that are written. What is listed was looked at and is tested; any
other name is Snowflake's error 002140, so that a function of DuckDB's, or one that nobody has checked, cannot slip
through."""
TYPES = frozenset(_TYPES.split())
"""Types that may have parameters in brackets."""
_TABLE_FUNCTIONS = frozenset({"COPY_HISTORY", "QUERY_HISTORY"})
_LATERAL_FUNCTIONS = frozenset({"FLATTEN"})
_GRAMMAR = frozenset({"EXCLUDE", "RENAME", "CLUSTER", "TAG", "OBJECT", "ARRAY", "GROUP"})
_CALLABLE = {TokenType.VAR, TokenType.UNNEST, TokenType.STRUCT, TokenType.MAP, TokenType.LIST, TokenType.RANGE}
_NOT_EMULATED: dict[type[exp.Expression], str] = {
    exp.Interval: "INTERVAL, whose sum with a date has another type in DuckDB: use DATEADD",
    exp.Pivot: "PIVOT and UNPIVOT",
    exp.TableSample: "SAMPLE",
    exp.HistoricalData: "time travel",
    exp.Parameter: "session variables and columns by number",
    exp.Clone: "CLONE",
    exp.MatchRecognize: "MATCH_RECOGNIZE",
    exp.Connect: "CONNECT BY",
}


def check(sql: str, expression: exp.Expression) -> None:
    """Raise if the account would not understand a statement as Snowflake does."""
    tokens = sqlglot.tokenize(sql, read="snowflake")
    if tokens and tokens[0].token_type is TokenType.FROM:
        raise syntax_error("unexpected 'FROM'")
    if any(token.text == "==" for token in tokens):
        raise syntax_error("unexpected '='")
    _check_functions(tokens, expression)
    for node in expression.walk():
        if what := _NOT_EMULATED.get(type(node)):
            raise unsupported(what)
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            raise syntax_error("unexpected 'ON'")
        if isinstance(node, exp.Round) and node.args.get("truncate"):
            raise unsupported("ROUND with a rounding mode")


def _check_functions(tokens: list[sqlglot.tokens.Token], expression: exp.Expression) -> None:
    """Raise if a statement calls a function that is not known to be Snowflake's, by the written name.

    A word before a bracket is a call, unless the statement uses it as the name of a table, an alias or the like.
    """
    names = {identifier.name.upper() for identifier in expression.find_all(exp.Identifier)}
    known = KNOWN | TYPES | _GRAMMAR | names
    for at, (token, following) in enumerate(pairwise(tokens)):
        word = token.text.upper()
        if following.token_type is not TokenType.L_PAREN or token.token_type not in _CALLABLE or word in known:
            continue
        before = tokens[at - 1].token_type if at else None
        qualified = before is TokenType.DOT and word in _TABLE_FUNCTIONS
        lateral = before is TokenType.LATERAL and word in _LATERAL_FUNCTIONS
        if not (qualified or lateral):
            raise unknown_function(word)
