"""Loading many rows at once: foreign keys and indexes are checked and built once, not row by row."""

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
# Indexes behind a primary key or a unique constraint stay: other tables' foreign keys may need them.
_INDEXES = """
    select format('drop index %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    from pg_index
    where indrelid = any(%s::regclass[])
      and not exists (select from pg_constraint where conindid = indexrelid)
    order by indexrelid::regclass::text
"""


@contextmanager
def deferred_checks(cursor: Cursor, tables: Sequence[str]) -> Iterator[None]:
    """Drop the tables' foreign keys and plain indexes, and put them back as they were at the end of the block.

    To be used inside one transaction: it locks the tables, and a failure, also one of putting a foreign key back
    (psycopg2.errors.ForeignKeyViolation), has to roll all of it back.
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
