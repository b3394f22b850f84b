"""`ingest contract accept`: drift becomes part of a contract, and handwritten text is kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ingest.contracts.model import Deletes, Mode, StreamContract
from ingest.contracts.parse import load_contract
from ingest.contracts.yaml_edit import YamlText
from ingest.lake.commit import CommitKind
from tests.ingest.cli.command import CommandLine
from tests.ingest.run.world import ITEMS, World


@pytest.fixture
def contract_path(command_line: CommandLine, source_world: World) -> Path:
    """A contract of `items` with handwritten changes."""
    source_world.execute(f"{ITEMS}; alter table items add amount numeric(10,2), add note text not null default ''")
    source_world.execute("insert into items values (1, 'x')")
    assert command_line.run("contract", "new", "items").exit_code == 0
    path = command_line.contracts / "items.odcs.yaml"
    text = path.read_text()
    text = text.replace(
        "  - name: amount\n", "  # money, see finance\n  - name: amount\n    description: What it is worth.\n"
    )
    path.write_text(text.replace("version: 1.0.0", "version: 1.4.2 # stable"))
    return path


def accepted(command_line: CommandLine, path: Path) -> tuple[StreamContract, str]:
    done = command_line.run("contract", "accept", "items")
    assert (done.exit_code, done.err) == (0, ""), done
    return load_contract(path), done.out


def test_columns_that_flow_through_make_a_minor_version(
    command_line: CommandLine, source_world: World, contract_path: Path
) -> None:
    source_world.execute("alter table items add extra jsonb, alter amount type numeric(18,4)")
    source_world.execute("alter table items add mood text not null default 'ok'")
    before = contract_path.read_text()
    would = command_line.run("contract", "accept", "items", "--dry-run")
    assert contract_path.read_text() == before
    contract, out = accepted(command_line, contract_path)

    assert "would become version 1.5.0, a minor one" in would.out
    assert "is now version 1.5.0, a minor one" in out
    assert "+    physicalType: numeric(18,4)" in out
    assert [column.name for column in contract.columns] == [
        "id", "value", "updated_at", "amount", "note", "extra", "mood",
    ]  # fmt: skip
    assert contract.column("amount").description == "What it is worth."
    assert "  # money, see finance\n" in contract_path.read_text()
    assert "version: 1.5.0 # stable\n" in contract_path.read_text()
    edited = ("numeric(10,2)", "version: 1.4.2")
    kept = [line for line in before.splitlines() if not any(text in line for text in edited)]
    assert set(kept) <= set(contract_path.read_text().splitlines())
    assert command_line.run("contract", "check").out.split() == ["ok", "items"]
    assert "there is nothing to accept" in command_line.run("contract", "accept", "items").out


BREAKING = {
    "dropped": "alter table items drop column amount",
    "renamed": "alter table items rename amount to price",
    "narrowed": "alter table items alter amount type numeric(6,2)",
    "text to jsonb": "alter table items alter value type jsonb using null",
    "text to integer": "alter table items alter note drop default, alter note type int using 0",
    "nullable": "alter table items alter note drop not null",
    "key changed": "alter table items drop constraint items_pkey; alter table items add primary key (note, id)",
    "key dropped": "alter table items drop constraint items_pkey",
    "all at once": "alter table items drop column amount, alter note drop not null, add last int; "
    "alter table items rename value to worth",
}


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING.keys())
def test_what_stopped_a_stream_makes_a_major_version_and_it_goes_on(
    change: str, command_line: CommandLine, source_world: World, contract_path: Path
) -> None:
    assert command_line.run("run").exit_code == 0
    source_world.execute(change)
    stopped = command_line.run("run")
    assert stopped.exit_code == 2
    assert re.search(r"`ingest contract accept items`", stopped.err)
    contract, out = accepted(command_line, contract_path)

    assert contract.version == "2.0.0"
    assert "RAW drops nothing" in out
    assert command_line.run("contract", "check").exit_code == 0
    source_world.execute("insert into items (id) values (2)" if "note type" not in change else "select 1")
    assert command_line.run("run").exit_code == 0
    if "note type" in change:
        assert str(contract.column("note").landing) == "text"


WITHOUT_A_CURSOR = {
    "nullable": "alter table items alter updated_at drop not null",
    "gone": "drop trigger touch on items; alter table items drop column updated_at",
}


@pytest.mark.parametrize("change", WITHOUT_A_CURSOR.values(), ids=WITHOUT_A_CURSOR.keys())
def test_a_stream_that_lost_its_cursor_is_landed_whole_once_that_is_accepted(
    change: str, command_line: CommandLine, source_world: World, contract_path: Path
) -> None:
    assert command_line.run("run").exit_code == 0
    source_world.execute(change)
    assert command_line.run("run").exit_code == 2
    done = command_line.run("contract", "accept", "items")
    assert done.exit_code == 0
    assert "The stream has lost its cursor: from now on each run lands the table whole." in done.out
    contract = load_contract(contract_path)
    assert (contract.spec.mode, contract.spec.cursor, contract.spec.deletes) == (Mode.SNAPSHOT, None, Deletes.NONE)
    assert (contract.version, contract.key) == ("2.0.0", ("id",))
    source_world.execute("insert into items (id) values (77)")
    assert command_line.run("contract", "check").exit_code == 0
    assert command_line.run("run").exit_code == 0
    newest = source_world.commits(contract)[-1]
    assert newest.kind is CommitKind.SNAPSHOT
    assert 77 in {row["id"] for row in source_world.rows(newest)}


IMPOSSIBLE = {
    "cursor retyped": (
        "drop trigger touch on items; alter table items drop column updated_at, add updated_at date",
        r"RAW's column cannot become.*ingest contract new public.items --name items_2",
    ),
    "table gone": ("drop table items", "there is no public.items to accept"),
    "no way for RAW": (
        "alter table items alter amount type text",
        r"RAW's column cannot become.*ingest contract new public.items --name items_2",
    ),
    "name taken": ('alter table items add "VALUE" text', "differ only in case"),
}


@pytest.mark.parametrize(("change", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_no_contract_can_say_is_refused_and_the_file_stays(
    change: str, said: str, command_line: CommandLine, source_world: World, contract_path: Path
) -> None:
    source_world.execute(change)
    before = contract_path.read_text()
    done = command_line.run("contract", "accept", "items")
    assert done.exit_code == 2
    assert re.search(said, " ".join(done.messages))
    assert contract_path.read_text() == before


def test_two_tables_of_one_name_are_two_streams(command_line: CommandLine, source_world: World) -> None:
    source_world.execute("create schema one; create schema two; create table one.t (id int primary key)")
    source_world.execute("create table two.t (id int primary key)")
    source_world.execute("insert into one.t values (1); insert into two.t values (1)")
    assert command_line.run("contract", "new", "one.t").exit_code == 0
    assert command_line.run("contract", "new", "two.t", "--name", "second_t").exit_code == 0
    assert command_line.run("contract", "new", "one.t", "two.t", "--name", "x").exit_code == 2
    assert command_line.run("run").exit_code == 0
    assert {key.key.split("/")[1] for key in source_world.store.list("inventory/")} == {"t", "second_t"}


def test_edits_touch_nothing_but_what_they_name() -> None:
    text = """\
# head
items:  # of note
  - name: a
    text: |
      # not a comment
      two lines

  # about b
  - name: b
  - {name: c}
last: 1
"""
    edit = YamlText(text, origin="the text")
    edit.replace(("items", 0), {"name": "A", "text": "short"})
    edit.remove(("items", 1))
    edit.append(("items",), {"name": "d", "list": [1]})
    edit.append(("items",), {"name": "e"})
    edit.replace(("last",), "2.0.0")
    edited = edit.edited()

    assert yaml.safe_load(edited) == {
        "items": [{"name": "A", "text": "short"}, {"name": "c"}, {"name": "d", "list": [1]}, {"name": "e"}],
        "last": "2.0.0",
    }
    assert "# head\nitems:  # of note\n" in edited
    assert "  # about b\n" in edited
