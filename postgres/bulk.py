"""Bulk loading: foreign keys are checked and indexes built once, not row by row."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

_FOREIGN_KEYS = """
    select format('alter table %%s drop constraint %%I', conrelid::regclass, conname),
           format('alter table %%s add constraint %%I %%s', conrelid::regclass, conname,
                  pg_get_constraintdef(oid))
    from pg_constraint
    where contype = 'f' and conrelid = any(%s::regclass[])
    order by conrelid::regclass::text, conname
"""
# Indexes of primary keys and unique constraints stay, because other tables' foreign keys may need them.
_INDEXES = """
    select format('drop index %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    from pg_index
    where indrelid = any(%s::regclass[])
      and not exists (select from pg_constraint where conindid = indexrelid)
    order by indexrelid::regclass::text
"""


@contextmanager
def deferred_checks(cursor: Cursor, tables: Sequence[str]) -> Iterator[None]:
    """Drop the tables' foreign keys and plain indexes, and restore them at the end of the block.

    Use it inside one transaction, because it locks the tables. Any failure must roll the transaction back, also a
    failure to restore a foreign key (psycopg2.errors.ForeignKeyViolation).
    """
    cursor.execute(_FOREIGN_KEYS, (list(tables),))
    foreign_keys = cursor.fetchall()
    cursor.execute(_INDEXES, (list(tables),))
    indexes = cursor.fetchall()
    for drop, _ in (*foreign_keys, *indexes):
        cursor.execute(sql.SQL(drop))
    yield
    for _, create in (*indexes, *foreign_keys):
        cursor.execute(sql.SQL(create))
