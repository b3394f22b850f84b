"""Keys that go and come back at a real source: with their old cursor, of any type, beside open transactions."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from ingest.contracts.registry import ContractRegistry
from ingest.lake.commit import CommitKind
from ingest.run.runner import open_ingestion
from tests.ingest.run.world import ITEMS, World
from tests.ingest.sources.api.fake_provider import RECEIVED_AT, FakeProvider, fake_provider

KEYED = """
create collation folded (provider = icu, locale = 'de-u-kn-true', deterministic = false);
create table keyed (
  "der Schlüssel" text collate folded, amount numeric, day date, id uuid, at timestamptz, body jsonb, flag boolean,
  span int4range, value text, updated_at timestamptz not null default now(),
  primary key ("der Schlüssel", amount, day, id, at, body, flag, span)
);
create function touch() returns trigger language plpgsql as
  $$ begin new.updated_at := now(); return new; end $$;
create trigger touch before update on keyed for each row execute function touch();
insert into keyed
select
  case g % 4 when 0 then 'Ä' when 1 then 'a' when 2 then 'z"' else '_{' end || g, g * 1.10, date '2026-01-01' - g,
  md5(g::text)::uuid, timestamptz '2026-01-01' + g * interval '1 microsecond', jsonb_build_object('k', g), g % 2 = 0,
  int4range(g, g + 2), 'old'
from generate_series(1, 60) g;
"""


@pytest.fixture
def items(world: World) -> World:
    world.execute(ITEMS)
    world.execute("insert into items select g, 'row ' || g from generate_series(1, 100) g")
    return world


def kinds(world: World, name: str = "items") -> list[CommitKind]:
    return [commit.kind for commit in world.commits(world.contract(name))]


def test_a_row_that_is_back_with_its_old_cursor_is_landed_as_it_is_now(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    [(cursor,)] = items.query("select updated_at from items where id = 7")
    items.execute("delete from items where id in (7, 8)")
    items.run(contract)
    assert items.deleted(contract) == {(7,): 3, (8,): 3}
    items.execute("insert into items values (7, 'from a copy', %s)", cursor)
    result = items.run(contract)

    assert [commit.kind for commit in result.commits] == [CommitKind.BACKFILL, CommitKind.DELETES]
    assert (result.rows_landed, result.commits[-1].rows) == (1, 0)
    items.assert_equal_to_source(contract)
    assert items.run(contract).commits == ()


def test_keys_of_any_type_and_collation_go_and_come_back(world: World) -> None:
    world.execute(KEYED)
    contract = world.contract("keyed")
    world.run(contract)
    world.execute("create table copy as select * from keyed; delete from keyed where amount < 30")
    world.run(contract)
    world.execute("insert into keyed select * from copy where amount < 10")
    result = world.run(contract)

    assert [commit.kind for commit in result.commits] == [CommitKind.BACKFILL, CommitKind.DELETES]
    assert result.rows_landed == 9
    current = {row["amount"] for row in world.current(contract).values()}
    assert current == {str(amount) for (amount,) in world.query("select amount from keyed")}


def test_what_landed_and_left_between_two_passes_is_gone_and_what_is_in_flight_is_left_to_its_window(
    items: World,
) -> None:
    contract = items.contract("items")
    items.run(contract)
    items.execute("insert into items values (500, 'short'), (501, 'stays')")
    items.run(contract, keys=False)
    items.execute("delete from items where id in (1, 500)")
    with items.other_session() as other, other.cursor() as cursor:
        cursor.execute("insert into items values (900, 'not committed yet')")
        items.execute("insert into items values (600, 'above the horizon')")
        result = items.run(contract)
        assert [commit.kind for commit in result.commits] == [CommitKind.DELETES]
        assert items.deleted(contract) == {(1,): 4, (500,): 4}
        other.commit()
    items.run(contract)
    items.assert_equal_to_source(contract)
    assert kinds(items)[-2:] == [CommitKind.DATA, CommitKind.DELETES]


def test_a_pass_alone_lands_no_row_that_the_next_window_reads(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    items.execute("insert into items values (500, 'new'); delete from items where id = 1")
    with open_ingestion(items.settings, [contract], "keys", store=items.store) as run:
        assert [commit.kind for commit in run.land_keys("items").commits] == [CommitKind.DELETES]
    items.run(contract)
    items.assert_equal_to_source(contract)
    assert len(items.landed(contract)) == 101


def campaign(number: int, name: str) -> str:
    record = {"campaign_id": f"cmp_{number}", "name": name, "subject": "Hello", "status": "sent", "currency": "EUR"}
    record |= {"from_address": "shop@mail.example", "promoted_skus": [], "budget": "10.00"}  # type: ignore[dict-item]
    return json.dumps(record | {"created_at": "2026-01-01T00:00:00Z", "updated_at": RECEIVED_AT})


def test_a_record_of_an_api_that_is_back_with_its_old_cursor_is_landed(world: World) -> None:
    contract = ContractRegistry.load()["campaigns"]
    with fake_provider() as provider:
        settings = world.settings.model_copy(
            update={"saas_base_url": provider.base_url, "saas_api_key": SecretStr("key")}
        )
        saas = World(settings, world.connection, world.store)
        first = [campaign(number, "old") for number in range(20)]

        def run(provider: FakeProvider, records: list[str]) -> list[tuple[CommitKind, int]]:
            provider.records = records
            return [(commit.kind, commit.rows) for commit in saas.run(contract, count=False).commits]

        assert run(provider, first) == [(CommitKind.DATA, 20), (CommitKind.DELETES, 0)]
        assert run(provider, first[5:]) == [(CommitKind.DELETES, 5)]
        back = [campaign(3, "new"), *first[5:]]
        assert run(provider, back) == [(CommitKind.BACKFILL, 1), (CommitKind.DELETES, 0)]
        assert run(provider, back) == []
        current = {key: json.loads(row["payload"])["name"] for key, row in saas.current(contract).items()}
        assert current == {("cmp_3",): "new"} | {(f"cmp_{number}",): "old" for number in range(5, 20)}
