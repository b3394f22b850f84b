"""A table and a provider, with the commands that land them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ingest.contracts.registry import PACKAGED
from tests.ingest.cli.command import CommandLine
from tests.ingest.cli.refusals import SECRET
from tests.ingest.contracts.contract_text import good_document, text_of
from tests.ingest.run.world import World
from tests.ingest.sources.api.fake_provider import FakeProvider, fake_provider

THINGS = """
create table things (id bigint primary key, label text, updated_at timestamptz not null default now());
create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create trigger touch before update on things for each row execute function touch();
insert into things select n, 'thing ' || n from generate_series(1, 3) n
"""


@pytest.fixture
def things(command_line: CommandLine, source_world: World) -> CommandLine:
    """A command line with one good contract, of a table with three rows."""
    source_world.execute(THINGS)
    command_line.write_contract("things", text_of(good_document()))
    return command_line


@pytest.fixture
def events(command_line: CommandLine) -> CommandLine:
    """A command line with the contract of the e-mail events."""
    shutil.copy(PACKAGED / "email_events.odcs.yaml", command_line.contracts)
    return replace(command_line, environment={**command_line.environment, "SAAS_API_KEY": SECRET})


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with fake_provider() as running:
        yield running
