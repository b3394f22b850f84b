"""What happens when a table changes after its contract was written."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from pydantic import SecretStr

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.model import META_COLUMNS
from ingest.contracts.parse import parse_contract
from ingest.errors import SchemaDriftError
from tests.ingest.cli.command import CommandLine
from tests.ingest.contracts.drafts import differences
from tests.ingest.run.world import ITEMS, World

# Drift

DRIFT = {
    "column dropped": ("alter table items drop column value", True, "column 'value': .*text, .*no such column"),
    "column renamed": ("alter table items rename value to price", True, "column 'value': .*no such column"),
    "column retyped": ("alter table items alter value type jsonb using null", True, "says text, the source has jsonb"),
    "key retyped": ("alter table items alter id type numeric", True, "column 'id': .*bigint, .*numeric"),
    "key changed": (
        "alter table items drop constraint items_pkey; alter table items add primary key (updated_at)",
        True,
        r"primary key: .*\(id\), .*\(updated_at\)",
    ),
    "cursor nullable": ("alter table items alter updated_at drop not null", True, "updated_at.*it is the cursor"),
    "cursor without zone": ("alter table items alter updated_at type timestamp", True, "timestamp without time zone"),
    "table dropped": ("drop table items", True, r"public\.items: .*a table, .*nothing of that name"),
    "table renamed": ("alter table items rename to things", True, r"public\.items: .*nothing of that name"),
    "key dropped": ("alter table items drop constraint items_pkey", True, "primary key: .*no unique key"),
    "text narrowed": (
        "alter table items alter value type varchar(50)",
        True,
        "says text, the source has character var",
    ),
    "name taken": ('alter table items add "VALUE" int', True, "RAW has that name already"),
    "platform's name": ("alter table items add _batch_id int", True, "RAW has that name already"),
    "column added": ("alter table items add extra int", False, "column 'extra': .*nothing, .*integer.*flows through"),
}


@pytest.mark.parametrize(("change", "breaking", "said"), [pytest.param(*case, id=n) for n, case in DRIFT.items()])
def test_a_change_of_the_source_is_told_and_a_breaking_one_lands_nothing(
    change: str, breaking: bool, said: str, source_world: World
) -> None:
    source_world.execute(ITEMS)
    source_world.execute("insert into items values (1, 'x')")
    contract = source_world.contract("items")
    source_world.execute(change)

    first = differences(source_world, contract)[0]
    assert first[0] is breaking
    assert re.search(said, first[1])
    if breaking:
        with pytest.raises(SchemaDriftError, match=r"nothing was landed: .*ingest contract check --stream items"):
            source_world.run(contract)
        assert list(source_world.store.list("")) == []
    else:
        result = source_world.run(contract)
        assert result.rows_landed == 1
        assert any(re.search(said, notice) for notice in result.notices)


def test_not_null_dropped_stops_and_not_null_set_is_no_difference(source_world: World) -> None:
    source_world.execute("create table t (id int primary key, v text not null, w text)")
    contract = source_world.contract("t")
    source_world.execute("alter table t alter w set not null")
    assert differences(source_world, contract) == []
    source_world.execute("alter table t alter v drop not null")
    assert [breaking for breaking, _ in differences(source_world, contract)] == [True]
    with pytest.raises(SchemaDriftError, match="column 'v': the contract says NOT NULL"):
        source_world.run(contract)


def test_a_table_without_a_key_of_its_own_is_known_to_its_contract(source_world: World) -> None:
    source_world.execute("create table t (a int, b int); insert into t values (1, 1)")
    tables = live_tables(source_world.connection, ["public.t"])
    contract = parse_contract(draft_contract(tables["public.t"], key=("a",)), origin="t")
    assert [breaking for breaking, _ in differences(source_world, contract)] == [False]
    assert source_world.run(contract).rows_landed == 1


def test_columns_that_are_excluded_or_may_not_be_read_are_left_out(source_world: World, empty_database: str) -> None:
    source_world.execute("create table t (id int primary key); insert into t values (1)")
    contract = source_world.contract("t", excluded_columns=("secret",))
    role = f"partial_{empty_database.rpartition('/')[2]}"
    source_world.execute(f"create role {role} login password 'x'; grant pg_monitor to {role}")
    source_world.execute("alter table t add secret text default 's', add hidden text default 'h', add shown int")
    source_world.execute(f"grant select (id, shown) on t to {role}")
    dsn = re.sub(r"//[^@]*@", f"//{role}:x@", empty_database)
    poor = replace(source_world, settings=source_world.settings.model_copy(update={"postgres_dsn": SecretStr(dsn)}))
    try:
        notices = poor.run(contract).notices
        assert [notice.split(":")[0] for notice in notices] == ["column 'hidden'", "column 'shown'"]
        assert "no SELECT privilege" in notices[0]
        assert set(poor.landed(contract)[0]) == {"id", "shown", *META_COLUMNS}
    finally:
        source_world.execute(f"drop owned by {role}; drop role {role}")


def test_a_table_that_this_login_may_not_read_is_told_before_anything_is_read(
    source_world: World, empty_database: str
) -> None:
    source_world.execute("create table t (id int primary key)")
    contract = source_world.contract("t")
    role = f"poor_{empty_database.rpartition('/')[2]}"
    source_world.execute(f"create role {role} login password 'pass-of-poor'; grant pg_monitor to {role}")
    dsn = re.sub(r"//[^@]*@", f"//{role}:pass-of-poor@", empty_database)
    settings = source_world.settings.model_copy(update={"postgres_dsn": SecretStr(dsn)})
    try:
        poor = replace(source_world, settings=settings)
        with pytest.raises(SchemaDriftError, match="no SELECT privilege"):
            poor.run(contract)
        source_world.execute(f"grant select on t to {role}; revoke usage on schema public from public")
        with pytest.raises(SchemaDriftError, match=r'no USAGE privilege.*GRANT USAGE ON SCHEMA "public"'):
            poor.run(contract)
    finally:
        source_world.execute(f"drop owned by {role}; drop role {role}")


def test_a_schema_that_may_not_be_used_any_more_stops_its_streams_alone(
    command_line: CommandLine, source_world: World, empty_database: str
) -> None:
    role = f"narrow_{empty_database.rpartition('/')[2]}"
    source_world.execute(
        f"create role {role} login password 'x'; grant pg_monitor to {role}; create schema a; create schema b;"
        "create table a.one (id int primary key); create table b.two (id int primary key);"
        "insert into a.one values (1); insert into b.two values (1);"
        f"grant usage on schema a, b to {role}; grant select on a.one, b.two to {role}"
    )
    narrow = {"POSTGRES_DSN": re.sub(r"//[^@]*@", f"//{role}:x@", empty_database)}
    try:
        assert command_line.run("contract", "new", "a.one", "b.two", **narrow).exit_code == 0
        assert command_line.run("run", **narrow).exit_code == 0
        source_world.execute(f"revoke usage on schema b from {role}; insert into a.one values (2)")
        for cause, said in (
            ("select 1", r'schema \'b\': .*no USAGE privilege \(grant it: GRANT USAGE ON SCHEMA "b"'),
            (f"grant usage on schema b to {role}; drop schema b cascade", r"b\.two: .*nothing of that name"),
        ):
            source_world.execute(cause)
            check = command_line.run("contract", "check", **narrow)
            assert (check.exit_code, check.out.splitlines()[0].split()) == (1, ["ok", "one"])
            assert re.search(f"breaking two: {said}", check.out)
            run = command_line.run("run", **narrow)
            assert run.exit_code == 2
            (error,) = [line for line in run.messages if line.startswith("error")]
            assert error.startswith("error two: ")
            assert "contract accept" not in error, "which cannot cure it"
            assert [line["stream"] for line in run.logs if line["event"] == "landed"] == ["one"]
        refused = command_line.run("contract", "new", "b.two", "--force", **narrow)
        assert (refused.exit_code, len(refused.messages)) == (2, 1)
    finally:
        source_world.execute(f"drop owned by {role}; drop role {role}")


def test_a_table_that_may_not_be_selected_from_is_one_difference(source_world: World, empty_database: str) -> None:
    role = f"blind_{empty_database.rpartition('/')[2]}"
    source_world.execute(f"create table t (id int primary key, a int, b int, c int); create role {role}")
    contract = source_world.contract("t")
    try:
        source_world.execute(f"set role {role}")
        assert [said for _, said in differences(source_world, contract)] == [
            "public.t: the contract says a table to be read, the source has no SELECT privilege for this login "
            "(grant it, or remove the contract)"
        ]
    finally:
        source_world.execute(f"reset role; drop role {role}")


def test_a_stream_that_drifted_stops_alone(command_line: CommandLine, source_world: World) -> None:
    source_world.execute(f"{ITEMS}; create table other (id int primary key); insert into other values (1)")
    command_line.run("contract", "new", "items", "other")
    source_world.execute("alter table items drop column value; alter table other add extra text")

    check = command_line.run("contract", "check")
    assert check.exit_code == 1
    assert re.search("breaking items: column 'value': the contract says text, the source has no such column", check.out)
    assert re.search("notice +other: column 'extra'", check.out)
    harmless = command_line.run("contract", "check", "--stream", "other")
    assert harmless.exit_code == 0

    run = command_line.run("run")
    assert run.exit_code == 2
    (error,) = [line for line in run.messages if line.startswith("error")]
    assert "items: the source no longer matches its contract" in error
    assert "column 'value'" in error
    assert [key.key.split("/")[1] for key in source_world.store.list("inventory/")] == ["other"]
