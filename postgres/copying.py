"""Bulk loading with COPY."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

_ROWS_PER_COPY = 20_000

Row = TypeVar("Row", bound=NamedTuple)


def copy_rows(cursor: Cursor, table: str, rows: Iterable[Row]) -> int:
    """Append rows to a table. Return their number. The rows' fields name the columns.

    None is written as NULL. Text must not be empty: it would be read as NULL, which the shop's tables refuse. Memory is
    bounded, because rows are sent in chunks of 20,000.
    """
    copied = 0
    for chunk in _chunks(rows):
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(chunk)
        buffer.seek(0)
        columns = sql.SQL(", ").join(map(sql.Identifier, chunk[0]._fields))
        statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(sql.Identifier(table), columns)
        cursor.copy_expert(statement, buffer)
        copied += len(chunk)
    return copied


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, _ROWS_PER_COPY)):
        yield chunk
