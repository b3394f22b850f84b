"""Tables that others inherit from: no key and no trigger of the parent holds for the rows of its children."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.model import ChildTables, Mode, StreamContract
from ingest.contracts.parse import parse_contract
from ingest.errors import ContractError, SchemaDriftError
from tests.ingest.cli.command import CommandLine
from tests.ingest.contracts.contract_text import good_document, parsed, set_custom
from tests.ingest.run.world import World

FAMILY = """
create table parent (id int primary key, v text, updated_at timestamptz not null default now());
create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create trigger t before update on parent for each row execute function touch();
create table child (extra int) inherits (parent);
create table grandchild () inherits (child);
insert into parent (id, v) values (1, 'parent');
insert into child (id, v) values (1, 'child'), (2, 'child too');
insert into grandchild (id, v) values (2, 'grandchild');
"""
PARTITIONED = """
create table part (id int, d date, v text, primary key (id, d)) partition by range (d);
create table part_a partition of part for values from ('2020-01-01') to ('2021-01-01');
create table part_b partition of part for values from ('2021-01-01') to ('2022-01-01') partition by list (id);
create table part_b_1 partition of part_b default;
insert into part values (1, '2020-05-05', 'a'), (1, '2021-05-05', 'b');
"""


def drafted(world: World, table: str, children: ChildTables) -> StreamContract:
    found = live_tables(world.connection, [f"public.{table}"])[f"public.{table}"]
    return parse_contract(draft_contract(found, children=children), origin=table)


def values(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter((row["id"], row["v"]) for row in rows)


def test_with_its_children_a_table_is_landed_whole_without_a_key(world_of: World) -> None:
    contract = drafted(world_of, "parent", ChildTables.INCLUDE)
    assert (contract.key, contract.spec.mode, contract.spec.cursor) == ((), Mode.SNAPSHOT, None)
    world_of.run(contract)
    assert values(world_of.landed(contract)) == Counter(world_of.query("select id, v from parent"))
    world_of.execute("update parent set v = v || '!'")
    result = world_of.run(contract)
    assert values(world_of.rows(result.commits[-1])) == Counter(world_of.query("select id, v from parent"))


def test_without_its_children_a_table_has_its_key_and_its_trigger(world_of: World) -> None:
    contract = drafted(world_of, "parent", ChildTables.EXCLUDE)
    assert (contract.key, contract.spec.cursor) == (("id",), "updated_at")
    result = world_of.run(contract)
    assert values(world_of.landed(contract)) == Counter([(1, "parent")])
    assert result.source_count is not None
    assert result.source_count.in_flight is not None
    assert result.source_count.rows + result.source_count.in_flight.num_rows == 1
    world_of.execute("update parent set v = v || '!'")
    world_of.run(contract)
    assert {key: row["v"] for key, row in world_of.current(contract).items()} == {(1,): "parent!"}


@pytest.fixture
def world_of(source_world: World) -> World:
    source_world.execute(FAMILY)
    return source_world


def test_a_child_and_a_partitioned_table_are_tables_as_any_other(source_world: World) -> None:
    source_world.execute(f"{FAMILY}; {PARTITIONED}")
    tables = live_tables(source_world.connection, ["public.part", "public.part_a", "public.grandchild"])
    assert [table.children for table in tables.values()] == [(), (), ()]
    contract = drafted(source_world, "part", ChildTables.INCLUDE)
    assert (contract.key, contract.spec.child_tables) == (("id", "d"), None)
    source_world.run(contract)
    assert values(source_world.landed(contract)) == Counter([(1, "a"), (1, "b")])


def test_a_column_that_may_be_null_in_a_child_may_be_null(world_of: World) -> None:
    world_of.execute("alter table grandchild alter updated_at drop not null")
    for children, required in ((ChildTables.INCLUDE, False), (ChildTables.EXCLUDE, True)):
        assert drafted(world_of, "parent", children).column("updated_at").required is required


def test_a_table_that_gains_a_child_stops_its_stream_alone(command_line: CommandLine, source_world: World) -> None:
    source_world.execute("create table a (id int primary key); create table b (id int primary key)")
    command_line.run("contract", "new", "a", "b")
    assert command_line.run("run").exit_code == 0
    source_world.execute("create table a_child () inherits (a); insert into a_child values (1), (1)")

    check = command_line.run("contract", "check")
    assert check.exit_code == 1
    assert re.search(
        r"breaking a: public\.a: .*rows of a_child, which inherit from it.*childTables: exclude", check.out
    )
    assert re.search(r"ok +b", check.out)
    run = command_line.run("run")
    assert run.exit_code == 2
    assert next(line for line in run.messages if line.startswith("error")).startswith("error a: ")
    assert "`ingest contract accept a`" not in run.err, "it could not say which"
    refused = command_line.run("contract", "accept", "a")
    assert "childTables" in refused.err

    again = command_line.run("contract", "new", "a", "--force", "--child-tables", "exclude")
    assert (
        "a_child inherit from it; neither its key nor its triggers hold for them: their rows are left out" in again.out
    )
    assert command_line.run("run").exit_code == 0
    assert command_line.run("contract", "check").exit_code == 0


def test_children_are_included_in_whole_streams_alone() -> None:
    document = good_document()
    set_custom(document, "childTables", "include")
    with pytest.raises(ContractError, match="childTables 'include' needs mode 'snapshot'"):
        parsed(document)


def test_a_family_of_which_nothing_is_said_is_not_landed(world_of: World) -> None:
    contract = drafted(world_of, "parent", ChildTables.INCLUDE)
    silent = contract.__class__(**{**vars(contract), "spec": contract.spec.model_copy(update={"child_tables": None})})
    with pytest.raises(SchemaDriftError, match="rows of child, which inherit from it"):
        world_of.run(silent)
