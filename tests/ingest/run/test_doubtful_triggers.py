"""Tables with triggers that name the cursor and do not always move it: through the commands, no update is lost."""

from __future__ import annotations

import re

import pytest

from ingest.contracts.registry import ContractRegistry
from tests.ingest.cli.command import CommandLine
from tests.ingest.run.world import World

BODIES = {
    "conditional": "if new.status is distinct from old.status then new.updated_at := now(); end if; return new;",
    "reads": "if new.updated_at is null then raise 'no'; end if; return new;",
    "commented": "/* the client sets new.updated_at := now() */ return new;",
    "coalesced": "new.updated_at := coalesce(new.updated_at, now()); return new;",
    "quoted": "perform 'new.updated_at := now();'; return new;",
    "early": "if new.note is not null then return new; end if; new.updated_at := now(); return new;",
    "handled": "begin perform 1/0; new.updated_at := now(); exception when others then null; end; return new;",
    "plain": "new.updated_at := now(); return new;",
}


@pytest.mark.slow
def test_no_update_is_lost_whatever_a_trigger_seems_to_do(command_line: CommandLine, source_world: World) -> None:
    for name, body in BODIES.items():
        source_world.execute(
            f"create table {name} (id int primary key, status text, note text, "
            "updated_at timestamptz not null default now());"
            f"create function {name}_f() returns trigger language plpgsql as $$ begin {body} end $$;"
            f"create trigger t before update on {name} for each row execute function {name}_f();"
            f"insert into {name} values (1, 'a', 'old', '2026-01-01')"
        )
    drafted = command_line.run("contract", "new", *BODIES)
    assert drafted.exit_code == 0, drafted.err
    assert re.findall(r"stream (\w+), .* incremental by", drafted.out) == ["plain"]
    assert drafted.out.count("it is not proved that every change moves it") == len(BODIES) - 1

    for value in ("old", "new"):
        for name in BODIES:
            source_world.execute(f"update {name} set note = '{value}'")
        assert command_line.run("run").exit_code == 0

    for contract in ContractRegistry.load(command_line.contracts).values():
        source_world.assert_equal_to_source(contract)
    assert command_line.run("verify").exit_code == 0
