"""A cursor is trusted only if the database's triggers are proved to move it. The database itself checks the proof."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from ingest.contracts.author import cursor_doubt, draft_contract
from ingest.contracts.cursor_proof import why_not_moved
from ingest.contracts.drift import compare
from ingest.contracts.introspect import LiveTable, live_tables
from ingest.contracts.parse import parse_contract
from ingest.schema_change import Effect

FUNCTIONS = """
create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create function label() returns trigger language plpgsql as $$ begin new.label := upper(new.label); return new; end $$;
create function undo() returns trigger language plpgsql as
  $$ begin new.updated_at := old.updated_at; return new; end $$;
create function maybe() returns trigger language plpgsql as
  $$ begin if new.label <> old.label then new.updated_at := now(); end if; return new; end $$;
create function fill() returns trigger language plpgsql as
  $$ begin new.updated_at := coalesce(new.updated_at, now()); return new; end $$;
create function born() returns trigger language plpgsql as
  $$ begin new.updated_at := '2001-01-01'; return new; end $$;
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
"""
TABLE = (
    "create table t (id int primary key, label text, amount {amount}, updated_at timestamptz not null default now())"
)
TOUCH = "create trigger m before update on t for each row execute function touch()"
CHANGED = TOUCH.replace("for each row", "for each row when (old.* is distinct from new.*)")


def trigger(name: str, function: str, on: str = "before update", when: str = "") -> str:
    return f"create trigger {name} {on} on t for each row {when} execute function {function}()"


@pytest.fixture
def database(module_database: Connection) -> Connection:
    return module_database


def made(database: Connection, *statements: str, amount: str = "int") -> LiveTable:
    with database.cursor() as cursor:
        cursor.execute("drop schema public cascade; create schema public")
        cursor.execute(";".join((FUNCTIONS, TABLE.format(amount=amount), *statements)))
    return live_tables(database, ["public.t"])["public.t"]


@pytest.mark.parametrize(
    "statements",
    [
        (TOUCH,),
        (CHANGED,),
        (CHANGED.replace("is distinct from", "*<>"),),
        (TOUCH, "alter table t enable always trigger m"),
        (TOUCH.replace("before update", "before insert or update"),),
        (TOUCH, trigger("z", "label")),  # after it, and sets something else
        (TOUCH, trigger("z", "fill")),
        (TOUCH, trigger("a", "undo")),  # before it
        (TOUCH, trigger("a", "maybe")),
        (TOUCH, trigger("z", "maybe"), "alter table t disable trigger z"),
        (TOUCH, trigger("z", "touch", when="when (new.label = 'x')")),
        (
            TOUCH,
            "create trigger z before update on t for each row execute function suppress_redundant_updates_trigger()",
        ),
        (TOUCH, "create trigger z after update on t for each row execute function maybe()"),
        (TOUCH, trigger("z", "fill", "before insert")),
        ("create trigger r before update on t for each statement execute function refuse()",),
        (trigger("r", "refuse"),),
        (TOUCH, "create function app() returns int language sql as 'select 1'"),
    ],
)
def test_a_proved_cursor_is_drafted(statements: tuple[str, ...], database: Connection) -> None:
    table = made(database, *statements)
    assert cursor_doubt(table) is None
    assert parse_contract(draft_contract(table), origin="t").spec.cursor == "updated_at"


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ((), "no trigger sets it before each update"),
        ((trigger("m", "maybe"),), r"the effect of trigger 'm' \(maybe\) is not certain"),
        ((trigger("m", "fill"),), "no trigger sets it"),
        ((trigger("m", "label"),), "no trigger sets it"),
        ((TOUCH, "alter table t disable trigger m"), "'m', which moves it, is disabled"),
        ((TOUCH, "alter table t enable replica trigger m"), "only for sessions of replication"),
        ((trigger("m", "touch", "before update of label"),), "only on updates of some columns"),
        ((trigger("m", "touch", when="when (new.label = 'x')"),), r"only WHEN \(\(new\.label = 'x'"),
        ((trigger("m", "touch", when="when (pg_trigger_depth() = 0)"),), "only WHEN"),
        (
            (trigger("m", "touch", when="when (old.* is distinct from new.* and new.label = 'x')"),),
            "only WHEN",
        ),
        ((trigger("m", "touch", "before insert"),), "only on inserts"),
        ((trigger("m", "touch", "after update"),), "after the update"),
        (("create trigger m before update on t execute function touch()",), "for each statement"),
        ((TOUCH, trigger("z", "undo")), "'z' sets it to something else"),
        ((TOUCH, trigger("z", "undo", when="when (new.label = 'x')")), "'z' sets it to something else"),
        ((TOUCH, trigger("z", "undo", "before update of label")), "'z' sets it to something else"),
        ((TOUCH, trigger("z", "maybe")), "effect of trigger 'z'"),
        ((TOUCH, trigger('"mé"', "undo")), "'mé' sets it"),
        ((CHANGED, trigger("z", "label")), "'z' may change the row after 'm' has compared it"),
        ((TOUCH, trigger("b", "born", "before insert")), "'b' sets the cursor of a new row to something else"),
        ((TOUCH, trigger("b", "maybe", "before insert")), "effect of trigger 'b'"),
        ((TOUCH, "create rule r as on insert to t do also select 1"), "a rule rewrites"),
        ((TOUCH, "create function now() returns timestamptz language sql as 'select timestamptz ''2001-01-01'''"),
         "a function that is called like the clock"),
    ],
)  # fmt: skip
def test_any_other_is_landed_whole_and_the_reason_is_told(
    statements: tuple[str, ...], reason: str, database: Connection
) -> None:
    text = draft_contract(made(database, *statements))
    spec = parse_contract(text, origin="t").spec
    assert (spec.mode, spec.cursor, spec.likely_cursor) == ("snapshot", None, "updated_at")
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(cursor_doubt(made(database, *statements)))
    assert "description:" in text.partition("property: likelyCursor")[2]


@pytest.mark.parametrize(
    ("amount", "exact"),
    [("int", True), ("numeric(8,2)", True), ("numeric", False), ("float8", False), ("interval", False)],
)
def test_a_comparison_of_rows_proves_nothing_where_equal_values_print_differently(
    amount: str, exact: bool, database: Connection
) -> None:
    assert (cursor_doubt(made(database, CHANGED, amount=amount)) is None) is exact
    assert cursor_doubt(made(database, CHANGED.replace("is distinct from", "*<>"), amount=amount)) is None


@pytest.mark.parametrize(
    ("default", "trusted"),
    [
        ("now()", True),
        ("clock_timestamp()", True),
        ("now() - interval '1 day'", False),
        ("current_timestamp(0)", False),
        ("'2001-01-01'", False),
    ],
)
def test_a_default_that_is_not_the_clock_makes_no_cursor(default: str, trusted: bool, database: Connection) -> None:
    table = made(database, TOUCH, f"alter table t alter updated_at set default {default}")
    assert (cursor_doubt(table) is None) is trusted


def test_the_extension_moddatetime_moves_the_column_that_it_is_given(database: Connection) -> None:
    with database.cursor() as cursor:
        cursor.execute("select count(*) from pg_available_extensions where name = 'moddatetime'")
        if cursor.fetchall() == [(0,)]:
            pytest.skip("this Postgres has no contrib modules")
    moved = "create trigger m before update on t for each row execute function moddatetime({})"
    extension = "create extension moddatetime"
    assert cursor_doubt(made(database, extension, moved.format("updated_at"))) is None
    assert cursor_doubt(made(database, extension, moved.format("label"))) == "no trigger sets it before each update"


def test_each_partition_and_each_child_has_triggers_of_its_own(database: Connection) -> None:
    parts = """
      create table parted (id int primary key, updated_at timestamptz not null default now()) partition by range (id);
      create trigger m before update on parted for each row execute function touch();
      create table low partition of parted for values from (0) to (10);
      create table high partition of parted for values from (10) to (20)
    """

    def doubt() -> str | None:
        return cursor_doubt(live_tables(database, ["public.parted"])["public.parted"])

    made(database, parts)
    assert doubt() is None
    with database.cursor() as cursor:
        cursor.execute("alter table high disable trigger m")
    assert doubt() == "in high: trigger 'm', which moves it, is disabled"

    table = made(database, TOUCH, "create table child () inherits (t)")
    assert why_not_moved(table, "updated_at") == "in child: no trigger sets it before each update"


def test_a_view_is_never_proved(database: Connection) -> None:
    made(database, TOUCH, "create view v as select * from t")
    view = live_tables(database, ["public.v"])["public.v"]
    assert why_not_moved(view, "updated_at") == "it is a view, whose rows are written elsewhere"


def test_rows_that_a_subscription_brings_fire_no_trigger(database: Connection) -> None:
    table = made(database, TOUCH)
    assert cursor_doubt(table) is None
    with database.cursor() as cursor:
        # What CREATE SUBSCRIPTION notes of a table, without a publisher.
        cursor.execute("set allow_system_table_mods = on")
        cursor.execute("insert into pg_subscription_rel select 1, 'public.t'::regclass, 'r', null")
        try:
            table = live_tables(database, ["public.t"])["public.t"]
        finally:
            cursor.execute("delete from pg_subscription_rel; reset allow_system_table_mods")
    assert "a subscription writes to it" in str(cursor_doubt(table))


def test_check_tells_of_a_trigger_that_is_gone_unless_the_contract_knows_better(database: Connection) -> None:
    text = draft_contract(made(database, TOUCH))
    contract = parse_contract(text, origin="t")
    assert compare(contract, made(database, TOUCH)) == []

    changed = made(database, TOUCH, "alter table t disable trigger m")
    [found] = compare(contract, changed)
    assert found.effect is Effect.NOTED
    assert "cursor 'updated_at'" in str(found)
    assert "is disabled" in str(found)
    assert "`ingest verify t` finds it" in str(found)

    knowing = replace(contract, spec=contract.spec.model_copy(update={"cursor_enforced": False}))
    assert compare(knowing, changed) == []


BODIES = ["touch", "touch", "label", "undo", "maybe", "fill"]
WHENS = ["", "", "when (old.* is distinct from new.*)", "when (new.label = 'x')"]
TRIGGERS = st.lists(
    st.tuples(
        st.sampled_from(["before update", "before insert or update", "before update of label", "after update"]),
        st.sampled_from(BODIES),
        st.sampled_from(WHENS),
        st.sampled_from(["", "disable", "enable always", "enable replica"]),
    ),
    max_size=3,
)
CHANGES = [
    "label = 'y'",
    "label = 'x'",
    "amount = 7",
    "amount = 8, updated_at = '2001-01-01'",
    "updated_at = '2001-01-01'",
]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(triggers=TRIGGERS)
def test_whatever_triggers_there_are_a_cursor_that_is_proved_moves_on_every_change(
    triggers: list[tuple[str, str, str, str]], database: Connection
) -> None:
    statements = []
    for number, (on, function, when, mode) in enumerate(triggers):
        if "insert" in on and ("old" in when or function == "undo"):
            continue  # a new row has no OLD
        statements.append(trigger(f"t{number}", function, on, when))
        if mode:
            statements.append(f"alter table t {mode} trigger t{number}")
    proved = cursor_doubt(made(database, *statements)) is None
    with database.cursor() as cursor:
        for change in CHANGES:
            cursor.execute("insert into t values (1, 'a', 1)")
            cursor.execute("begin; select pg_sleep(0)")
            cursor.execute("select label, amount, updated_at from t")
            before = cursor.fetchall()
            cursor.execute(f"update t set {change}")
            cursor.execute("select label, amount, updated_at, updated_at >= now() from t")
            [(*after, moved)] = cursor.fetchall()
            cursor.execute("commit; delete from t")
            if proved:
                assert moved or [tuple(after)] == before, (statements, change)
