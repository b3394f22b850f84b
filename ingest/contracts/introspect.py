"""The shape of a live Postgres table, from its catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.contracts.model import ChildTables
from ingest.contracts.triggers import Written, written_relations
from ingest.errors import ContractError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# One query serves any number of tables. It shows a domain as the type beneath it, because that is what COPY sends. The
# columns that an index only includes come after those of its key.
_COLUMNS = """
with recursive wanted as (
  select name, oid from unnest(%(names)s::text[], %(tables)s::oid[]) as wanted (name, oid)
), family as (
  select w.oid as root, w.oid from wanted w join pg_class c on c.oid = w.oid where c.relkind <> 'p'
  union
  select f.root, i.inhrelid from family f join pg_inherits i on i.inhparent = f.oid
), base as (
  select a.attrelid, a.attnum, t.oid as typid, t.typtype, t.typbasetype,
         case when t.typtype = 'd' then t.typtypmod else a.atttypmod end as typmod
    from pg_attribute a join wanted w on w.oid = a.attrelid join pg_type t on t.oid = a.atttypid
   where a.attnum > 0 and not a.attisdropped
  union all
  select b.attrelid, b.attnum, t.oid, t.typtype, t.typbasetype,
         case when t.typtype = 'd' then t.typtypmod else b.typmod end
    from base b join pg_type t on t.oid = b.typbasetype
   where b.typtype = 'd'
), keys as materialized (
  select w.oid, i.attnums
    from wanted w cross join lateral (
      select x.attnums
        from (select *, array(select unnest(indkey::int2[]) limit indnkeyatts) as attnums from pg_index) x
       where x.indrelid = w.oid and x.indisunique and x.indisvalid and x.indpred is null and x.indexprs is null
         and not exists (select from pg_attribute k
                          where k.attrelid = w.oid and k.attnum = any(x.attnums) and not k.attnotnull)
       order by x.indisprimary desc, x.indnkeyatts, x.indexrelid limit 1
    ) i
)
select w.name, a.attname, format_type(b.typid, b.typmod), b.typtype, a.attnotnull or dt.typnotnull,
       pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum),
       array_position(i.attnums, a.attnum), has_column_privilege(a.attrelid, a.attnum, 'select'),
       exists (select from family f join pg_attribute x on x.attrelid = f.oid and x.attname = a.attname
                where f.root = w.oid and not x.attisdropped and not x.attnotnull)
  from wanted w
  join pg_attribute a on a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
  join pg_type dt on dt.oid = a.atttypid
  join base b on b.attrelid = a.attrelid and b.attnum = a.attnum and b.typtype <> 'd'
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  left join keys i on i.oid = w.oid
 order by w.name, a.attnum
"""

# Names are matched in the catalog, because to_regclass fails for a schema that this login may not use.
_TABLES = """
select w.name, c.oid, c.oid::regclass::text, c.relkind::text, obj_description(c.oid, 'pg_class'),
       has_any_column_privilege(c.oid, 'select'), has_schema_privilege(n.oid, 'usage'), row_security_active(c.oid),
       case when c.relkind = 'r' then coalesce(pg_relation_size(c.oid), 0) else 0 end
         / current_setting('block_size')::int,
       case when c.relkind = 'r' then coalesce(pg_table_size(c.oid), 0) else 0 end,
       array(select i.inhrelid::regclass::text from pg_inherits i
              where i.inhparent = c.oid and c.relkind <> 'p' order by i.inhrelid)
  from unnest(%(names)s::text[], %(schemas)s::text[], %(tables)s::text[]) as w (name, schema, relation)
  join pg_class c on c.relname = w.relation and c.relkind::text = any(%(kinds)s)
  join pg_namespace n on n.oid = c.relnamespace
   and (n.nspname = w.schema or w.schema is null and pg_table_is_visible(c.oid))
"""

_NAMED = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relname = %(table)s and c.relkind::text = any(%(kinds)s)
   and (n.nspname = %(schema)s or %(schema)s is null and n.nspname = any(current_schemas(true)))
 order by array_position(current_schemas(true), n.nspname) limit 1
"""

_IDENTIFIER = r'"(?:[^"]|"")+"|[^\W\d][\w$]*'
_SQL_NAME = re.compile(rf"(?:(?P<schema>{_IDENTIFIER})\s*\.\s*)?(?P<table>{_IDENTIFIER})")

_PERSONAL = re.compile(r"e_?mail|phone|(first|last|full)_?name|street|address|birth|passport|iban", re.IGNORECASE)

READABLE_KINDS = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table"}


@dataclass(frozen=True)
class LiveColumn:
    """One column of the live table.

    `key_position` counts from 1 within the unique key, and is None outside it. `readable` says whether this login may
    select the column. `null_below` says whether it may be null in the table or in a child of it.
    """

    name: str
    type: str
    type_class: str
    not_null: bool
    default: str | None
    comment: str | None
    key_position: int | None
    readable: bool
    null_below: bool = False

    @property
    def looks_personal(self) -> bool:
        """Whether the column's name suggests personal data."""
        return bool(_PERSONAL.search(self.name))


@dataclass(frozen=True)
class LiveTable:
    """A live table. `written` are the relations that hold its rows: the table itself, or its partitions.

    `blocks` is the size of a plain table on disk, and `bytes` that with its large values (TOAST); both are 0 for any
    other relation. `children` are the tables that inherit from it, other than partitions: the table's keys and triggers
    do not hold for their rows. `usable` says whether this login may use the schema. `hides_rows` says whether a policy
    decides which rows this login sees.
    """

    name: str
    kind: str
    comment: str | None
    written: tuple[Written, ...]
    readable: bool
    columns: tuple[LiveColumn, ...]
    blocks: int = 0
    bytes: int = 0
    children: tuple[str, ...] = ()
    usable: bool = True
    hides_rows: bool = False
    printed_name: str = ""

    def read_with(self, children: ChildTables | None) -> LiveTable:
        """Return the table as it is read: alone (ONLY), or with the rows of its children.

        The table's keys do not hold for its children's rows, so the latter has no key.
        """
        if not self.children:
            return self
        if children is ChildTables.INCLUDE:
            columns = [
                replace(column, key_position=None, not_null=column.not_null and not column.null_below)
                for column in self.columns
            ]
            return replace(self, columns=tuple(columns))
        own = [relation for relation in self.written if relation.name == self.printed_name]
        return replace(self, written=tuple(own))

    @property
    def has_own_key(self) -> bool:
        """Whether the relation can have a unique key at all. Views and foreign tables show none."""
        return self.kind in ("table", "partitioned table")

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key, else the smallest unique key without nulls, else an empty tuple."""
        keyed = [column for column in self.columns if column.key_position is not None]
        return tuple(column.name for column in sorted(keyed, key=lambda column: column.key_position or 0))


def live_tables(connection: Connection, tables: Sequence[str]) -> dict[str, LiveTable]:
    """Return the shapes of `tables`, each named `schema.table` without quotes. A table that does not exist is
    left out.
    """
    parts = [table.partition(".") for table in tables]
    wanted = {
        "names": list(tables),
        "schemas": [schema if dot else None for schema, dot, _ in parts],
        "tables": [table if dot else schema for schema, dot, table in parts],
        "kinds": list(READABLE_KINDS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, wanted)
        heads = cursor.fetchall()
        cursor.execute(_COLUMNS, {"names": [name for name, *_ in heads], "tables": [oid for _, oid, *_ in heads]})
        columns: dict[str, list[LiveColumn]] = {}
        for name, *column in cursor.fetchall():
            columns.setdefault(name, []).append(LiveColumn(*column))
        written = written_relations(cursor, [oid for _, oid, *_ in heads])
    return {
        name: LiveTable(
            name,
            READABLE_KINDS[kind],
            comment,
            written.get(oid, ()),
            readable,
            tuple(columns.get(name, ())),
            blocks,
            size,
            tuple(children),
            usable,
            hides_rows,
            printed,
        )
        for name, oid, printed, kind, comment, readable, usable, hides_rows, blocks, size, children in heads
    }


def own_zone(connection: Connection) -> str:
    """Return the TimeZone that sessions of this database have if neither login nor session sets another one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce((select substr(one, length('TimeZone=') + 1)"
            " from pg_db_role_setting s, unnest(s.setconfig) as one"
            " where s.setdatabase = (select oid from pg_database where datname = current_database())"
            " and s.setrole = 0 and one ilike 'TimeZone=%'),"
            " (select reset_val from pg_settings where name = 'TimeZone'))"
        )
        ((zone,),) = cursor.fetchall()
    return str(zone)


def resolve_table(connection: Connection, name: str) -> str:
    """Return `schema.table`, without quotes, for a name as a person types it. Raises ContractError if there is no such
    table.
    """
    with connection.cursor() as cursor:
        for schema, table in _spellings(name):
            cursor.execute(_NAMED, {"schema": schema, "table": table, "kinds": list(READABLE_KINDS)})
            found = cursor.fetchone()
            if found is not None:
                return _dotted(*found)
    raise ContractError(f"there is no table or view '{name}' that this login can see", hint="Spell it as schema.table.")


def _spellings(name: str) -> Iterator[tuple[str | None, str]]:
    """Yield the schema and table that `name` may mean: read as SQL first, then taken literally.

    The schema is None if the search path decides.
    """
    parts = _SQL_NAME.fullmatch(name.strip())
    if parts is not None:
        schema, table = (_unquoted(parts[group]) for group in ("schema", "table"))
        if table is not None:
            yield schema, table
    schema, dot, table = name.partition(".")
    if dot:
        yield schema, table
    else:
        yield None, name


def _unquoted(identifier: str | None) -> str | None:
    if identifier is None or identifier.startswith('"'):
        return identifier and identifier[1:-1].replace('""', '"')
    return "".join(letter.lower() if letter.isascii() else letter for letter in identifier)


def _dotted(schema: str, table: str) -> str:
    if "." in schema:
        raise ContractError(
            f"the schema '{schema}' has a dot in its name, which a contract cannot tell from the one before the table",
            hint="Rename the schema, or land a view of the table from another one.",
        )
    return f"{schema}.{table}"
