"""The triggers that fire on a table's rows now, read from the catalog."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest.contracts.trigger_code import RowCode, Value, understood

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

# A table's rows lie in the table itself and in its partitions and children. Triggers fire on the relation that holds
# the row: each relation has its own triggers, which may be switched off one by one. `changed_exactly` says whether no
# two values of its columns are equal and print differently, so that a comparison of whole rows sees every change.
_RELATIONS = """
with recursive family as (
  select root, root as oid from unnest(%(tables)s::oid[]) as root
  union
  select f.root, i.inhrelid from family f join pg_inherits i on i.inhparent = f.oid
)
select f.root, c.oid, c.oid::regclass::text, c.relkind::text,
       exists (select from pg_rewrite r where r.ev_class = c.oid and r.ev_type in ('2', '3')),
       exists (select from pg_subscription_rel s where s.srrelid in (c.oid, f.root)),
       not exists (
         select from pg_attribute a
           join pg_type t on t.oid = a.atttypid
           left join pg_collation l on l.oid = a.attcollation
          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            and not (t.typtype = 'e'
                     or (case when t.typtype = 'd' then t.typbasetype else t.oid end = any(
                           '{bool,int2,int4,int8,date,timestamp,timestamptz,time,uuid,bytea,text,varchar,bpchar,oid}'
                           ::regtype[]::oid[]) and coalesce(l.collisdeterministic, true))
                     or (t.oid = 'numeric'::regtype and a.atttypmod >= 0)))
  from family f join pg_class c on c.oid = f.oid
 where c.relkind <> 'p' or not exists (select from pg_inherits i where i.inhparent = c.oid)
 order by f.root, c.oid
"""

_TRIGGERS = """
select t.tgrelid, t.tgname, t.tgtype, t.tgenabled::text, cardinality(t.tgattr::int2[]) > 0, t.tgqual is not null,
       substr(pg_get_triggerdef(t.oid), length('CREATE TRIGGER ' || quote_ident(t.tgname)) + 2),
       ' ON ' || quote_ident(cn.nspname) || '.' || quote_ident(c.relname) || ' ',
       p.oid::regproc::text, pn.nspname = 'pg_catalog', l.lanname, p.prosrc, t.tgargs,
       (select e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid
         where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_extension'::regclass
           and d.deptype = 'e')
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid join pg_namespace cn on cn.oid = c.relnamespace
  join pg_proc p on p.oid = t.tgfoid join pg_namespace pn on pn.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang
 where t.tgrelid = any(%(relations)s::oid[]) and t.tgconstraint = 0
"""

# In that case `now()` in a function may be the database's own, by the search_path of the function or of its caller.
_SHADOWED = """
select exists (select from pg_proc
                where proname in ('now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp')
                  and pronargs = 0 and pronamespace <> 'pg_catalog'::regnamespace)
"""

_EACH_ROW, _BEFORE, _INSERT, _UPDATE = 1, 2, 4, 16
_IF_CHANGED = ("((old.* IS DISTINCT FROM new.*))", "((old.* *<> new.*))")
_HARMLESS = frozenset({"suppress_redundant_updates_trigger", "tsvector_update_trigger"})
"""Functions of Postgres itself that set no timestamp: they skip updates that change nothing, or set a tsvector."""


@dataclass(frozen=True)
class Trigger:
    """A trigger of a relation. Constraint triggers are left out, because they fire after the row is written.

    `mode` is O (fires), A (always, also on a replica), R (only on a replica) or D (disabled). `condition` is its WHEN
    as Postgres prints it. `code` is its effect on the new row, None if that effect is not certain.
    """

    name: str
    mode: str
    before: bool
    each_row: bool
    on_insert: bool
    on_update: bool
    of_columns: bool
    condition: str | None
    function: str
    code: RowCode | None

    @property
    def fires(self) -> bool:
        """Whether the trigger fires in an ordinary session."""
        return self.mode in ("O", "A")

    @property
    def always(self) -> bool:
        """Whether the trigger fires on every event, without a condition or a list of columns."""
        return self.condition is None and not self.of_columns

    @property
    def if_changed(self) -> bool:
        """Whether the trigger's condition is that the row as a whole differs."""
        return self.condition in _IF_CHANGED and not self.of_columns

    @property
    def compares_bytes(self) -> bool:
        """Whether the trigger's condition compares the stored bytes of the rows, and not values by their types'
        equality.
        """
        return self.condition == _IF_CHANGED[1]


@dataclass(frozen=True)
class Written:
    """A relation that rows are written to: a table, or one of its partitions or children.

    `triggers` are in the order in which they fire. `rewritten` says whether rules rewrite statements that write to it.
    `replicated` says whether a subscription writes to it: its rows fire no ordinary trigger.
    """

    name: str
    kind: str
    rewritten: bool
    replicated: bool
    changed_exactly: bool
    triggers: tuple[Trigger, ...] = field(default=())


def written_relations(cursor: Cursor, tables: Sequence[int]) -> dict[int, tuple[Written, ...]]:
    """Return for each of `tables` (oids) the relations that its rows are written to, with their triggers."""
    cursor.execute(_RELATIONS, {"tables": list(tables)})
    relations: list[tuple[int, int, str, str, bool, bool, bool]] = cursor.fetchall()
    cursor.execute(_SHADOWED)
    shadowed = bool(cursor.fetchall()[0][0])
    cursor.execute(_TRIGGERS, {"relations": [oid for _, oid, *_ in relations]})
    triggers: dict[int, list[Trigger]] = {}
    for oid, *rest in cursor.fetchall():
        triggers.setdefault(oid, []).append(_trigger(*rest, shadowed=shadowed))
    found: dict[int, tuple[Written, ...]] = {}
    for table, oid, name, kind, rewritten, replicated, changed_exactly in relations:
        # Postgres fires triggers in the order of the bytes of their names.
        ordered = sorted(triggers.get(oid, ()), key=lambda trigger: trigger.name.encode())
        written = Written(name, kind, rewritten, replicated, changed_exactly, tuple(ordered))
        found[table] = (*found.get(table, ()), written)
    return found


def _trigger(
    name: str,
    bits: int,
    mode: str,
    of_columns: bool,
    has_condition: bool,
    definition: str | None,
    on_relation: str,
    function: str,
    built_in: bool,
    language: str,
    source: str,
    arguments: memoryview,
    extension: str | None,
    *,
    shadowed: bool,
) -> Trigger:
    return Trigger(
        name=name,
        mode=mode,
        before=bool(bits & _BEFORE),
        each_row=bool(bits & _EACH_ROW),
        on_insert=bool(bits & _INSERT),
        on_update=bool(bits & _UPDATE),
        of_columns=of_columns,
        condition=_condition((definition or "").partition(on_relation)[2]) if has_condition else None,
        function=function,
        code=_code(function, built_in, language, source, bytes(arguments), extension, shadowed=shadowed),
    )


def _condition(definition: str) -> str:
    """Return the WHEN condition of a trigger's `definition`, which begins at `FOR EACH`.

    Return the whole definition if it has another form.
    """
    match = re.match(r"FOR EACH ROW WHEN (\(.*?\)) EXECUTE (?:FUNCTION|PROCEDURE) ", definition, re.DOTALL)
    return str(match[1]) if match else definition


def _code(
    function: str,
    built_in: bool,
    language: str,
    source: str,
    arguments: bytes,
    extension: str | None,
    *,
    shadowed: bool,
) -> RowCode | None:
    if language == "plpgsql":
        return understood(source, shadowed=shadowed)
    if built_in and function in _HARMLESS:
        return RowCode()
    if extension == "moddatetime" and language == "c":
        # The trigger's one argument is the column. A zero byte ends each argument.
        columns = arguments.decode(errors="replace").split("\0")[:-1]
        return RowCode({columns[0]: Value.CLOCK}) if len(columns) == 1 else None
    return None
