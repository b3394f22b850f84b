"""`ingest contract new` and `check`: what they write, and what they refuse."""

from __future__ import annotations

import re

import pytest

from tests.ingest.cli.command import CommandLine
from tests.ingest.run.world import ITEMS, World


def test_the_command_writes_contracts_that_check_and_land(command_line: CommandLine, source_world: World) -> None:
    source_world.execute(f'{ITEMS}; create table "Odd Table" (id int primary key, updated_at timestamptz)')
    source_world.execute("insert into items values (1, 'x'); insert into \"Odd Table\" values (1)")

    new = command_line.run("contract", "new", "items", "Odd Table")
    assert (new.exit_code, new.err) == (0, "")
    assert "stream items, key (id), incremental by updated_at" in new.out
    assert "stream odd_table, key (id), landed whole on each run" in new.out
    assert "'updated_at' looks like a cursor" in new.out
    check = command_line.run("contract", "check")
    assert (check.exit_code, check.out.split()) == (0, ["ok", "items", "ok", "odd_table"])
    run = command_line.run("run")
    assert run.exit_code == 0
    assert {line["stream"]: line["rows"] for line in run.logs} == {"items": 1, "odd_table": 1}


def test_a_table_without_a_key_is_said_to_be_a_multiset(command_line: CommandLine, source_world: World) -> None:
    source_world.execute("create table t (a int, updated_at timestamptz); insert into t (a) values (1), (1), (null)")
    new = command_line.run("contract", "new", "t")
    assert (new.exit_code, new.err) == (0, "")
    assert "stream t, no key, landed whole on each run" in new.out
    assert "equal ones are counted as they are" in new.out
    assert "looks like a cursor" not in new.out, "without a key it could not be one"
    assert command_line.run("contract", "check").out.split() == ["ok", "t"]
    assert command_line.run("run").logs[-1]["rows"] == 3


def test_one_infinite_date_is_refused_with_the_ways_out_that_work(
    command_line: CommandLine, source_world: World
) -> None:
    source_world.execute(
        "create table t (id int primary key, d date); insert into t values (1, 'infinity'), (2, now())"
    )
    command_line.run("contract", "new", "t")
    stopped = command_line.run("run")
    assert stopped.exit_code == 2
    assert "land the column as text (`landAs: text` on it)" in stopped.err
    path = command_line.contracts / "t.odcs.yaml"
    text = path.read_text()
    path.write_text(
        text.replace(
            "physicalType: date\n",
            "physicalType: date\n    customProperties:\n    - property: landAs\n      value: text\n",
        )
    )
    assert command_line.run("run").logs[-1]["rows"] == 2


def test_a_contract_of_another_table_is_not_written_over_by_its_namesake(
    command_line: CommandLine, source_world: World
) -> None:
    source_world.execute("create schema other; create table t (id int primary key)")
    source_world.execute("create table other.t (id int primary key)")
    command_line.run("contract", "new", "t")
    refused = command_line.run("contract", "new", "other.t")
    assert refused.exit_code == 2
    assert "--name to call the stream of other.t otherwise" in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent"], "no table or view 'absent'"),
        (["keyless", "--key", "x"], "no column 'x'"),
        (["keyless", "--key", "a,a"], "--key names 'a' twice"),
        (["nothing"], r"public\.nothing has no columns"),
        (["items", "--child-tables", "some"], "--child-tables is 'some'"),
        (["items", "--prefix", "raw"], "--prefix is 'raw'"),
        (["one.same", "two.same"], r"one\.same and two\.same would both be the stream 'same'"),
        (["items", "--from-postgres", "nonsense"], "not a connection string"),
    ],
)
def test_what_no_contract_can_be_written_for_is_refused_and_nothing_is_written(
    arguments: list[str], said: str, command_line: CommandLine, source_world: World
) -> None:
    source_world.execute(
        f"{ITEMS}; create table keyless (a int); create table nothing (); create schema one; create schema two;"
        "create table one.same (id int primary key); create table two.same (id int primary key)"
    )
    done = command_line.run("contract", "new", *arguments)
    assert (done.exit_code, done.out) == (2, "")
    assert len(done.messages) == 1
    assert re.search(said, done.messages[0])
    assert list(command_line.contracts.iterdir()) == []


def test_a_contract_that_exists_is_not_written_over_unless_forced(
    command_line: CommandLine, source_world: World
) -> None:
    source_world.execute("create table t (id int primary key)")
    command_line.run("contract", "new", "t")
    path = command_line.contracts / "t.odcs.yaml"
    path.write_text("edited by hand")
    refused = command_line.run("contract", "new", "t")
    assert refused.exit_code == 2
    assert "t.odcs.yaml exists. Pass --force" in refused.messages[0]
    assert path.read_text() == "edited by hand"
    assert command_line.run("contract", "new", "t", "--force").exit_code == 0
    assert path.read_text() != "edited by hand"
