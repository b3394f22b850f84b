"""Overtaken commits: a transaction that began earlier commits later, and none of its rows may be skipped."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from pydantic import SecretStr

from ingest.errors import AccessError
from ingest.sources.postgres.horizon import read_horizon
from ingest.sources.postgres.session import APPLICATION_NAME
from tests.ingest.run.world import ITEMS, World


def test_a_row_of_a_transaction_that_commits_after_a_later_one_is_landed(world: World) -> None:
    world.execute(ITEMS)
    contract = world.contract("items")
    with world.other_session() as slow:
        slow.cursor().execute("insert into items (id, value) values (1, 'slow')")
        world.execute("insert into items (id, value) values (2, 'quick')")
        held_back = world.run(contract)
        slow.commit()
    world.run(contract)

    assert held_back.blocker is not None
    assert f"pid {slow.info.backend_pid}" in held_back.blocker if not slow.closed else True
    world.assert_equal_to_source(contract)


def test_a_reader_of_the_largest_timestamp_would_lose_that_row(world: World) -> None:
    """The same interleaving shows the loss that the horizon prevents, so the test above can detect one."""
    world.execute(ITEMS)
    with world.other_session() as slow:
        slow.cursor().execute("insert into items (id, value) values (1, 'slow')")
        world.execute("insert into items (id, value) values (2, 'quick')")
        seen = {row[0]: row[1] for row in world.query("select id, updated_at from items")}
        slow.commit()
    watermark = max(seen.values())
    with world.connection.cursor() as cursor:
        cursor.execute("select id from items where updated_at > %s", (watermark,))
        seen.update({row[0]: watermark for row in cursor.fetchall()})

    assert set(seen) == {2}


@pytest.mark.parametrize("seed", range(3))
def test_no_interleaving_of_open_transactions_and_runs_loses_a_row(world: World, seed: int) -> None:
    chance = random.Random(seed)
    world.execute(ITEMS)
    contract = world.contract("items")
    open_sessions: list[Connection] = []
    next_id = 0
    for _ in range(30):
        step = chance.choice(["begin", "write", "commit", "rollback", "autocommit", "run"])
        if step == "begin" and len(open_sessions) < 4:
            session = psycopg2.connect(world.settings.postgres_dsn.get_secret_value())
            session.cursor().execute("select now()")
            open_sessions.append(session)
        elif step == "write" and open_sessions:
            next_id += 1
            chance.choice(open_sessions).cursor().execute("insert into items values (%s, 'open')", (next_id,))
        elif step in ("commit", "rollback") and open_sessions:
            session = open_sessions.pop(chance.randrange(len(open_sessions)))
            session.commit() if step == "commit" else session.rollback()
            session.close()
        elif step == "autocommit":
            next_id += 1
            world.execute("insert into items values (%s, 'quick')", next_id)
            world.execute("update items set value = value || '.' where id = %s", chance.randint(1, next_id))
        elif step == "run":
            world.run(contract)
    for session in open_sessions:
        session.commit()
        session.close()
    world.run(contract)

    world.assert_equal_to_source(contract)


def test_a_prepared_transaction_holds_everything_back_until_it_ends(world: World) -> None:
    """Postgres shows when it was prepared, not when it began, so no cursor is known to be final."""
    world.execute(ITEMS)
    contract = world.contract("items")
    with world.other_session() as session:
        session.tpc_begin(session.xid(1, "gid", "branch"))
        session.cursor().execute("insert into items values (1, 'prepared')")
        session.tpc_prepare()
        world.execute("insert into items values (2, 'quick')")
        held_back = world.run(contract, keys=False)
        session.tpc_commit()
    assert held_back.commits == ()
    assert "prepared transaction" in (held_back.blocker or "")

    world.run(contract)
    world.assert_equal_to_source(contract)


def test_the_horizon_is_the_oldest_open_transaction_less_the_margin(world: World) -> None:
    with world.other_session() as older, world.other_session() as younger:
        for session in (older, younger):
            session.cursor().execute("select now()")
        with older.cursor() as cursor:
            cursor.execute("select now()")
            began = cursor.fetchone()
        horizon = read_horizon(world.connection, margin=timedelta(seconds=2))

    assert began is not None
    assert horizon.at == began[0].astimezone(UTC) - timedelta(seconds=2)
    assert horizon.blocker is not None


def test_where_no_transaction_is_open_the_horizon_is_the_databases_clock_less_the_margin(world: World) -> None:
    horizon = read_horizon(world.connection, margin=timedelta(seconds=2))

    assert horizon.blocker is None
    assert horizon.at == horizon.read_at - timedelta(seconds=2)


def test_idle_sessions_our_own_readers_and_other_databases_do_not_hold_the_horizon(
    world: World, empty_database: str
) -> None:
    with (
        world.other_session() as idle,
        world.other_session(application_name=APPLICATION_NAME) as reader,
        psycopg2.connect(empty_database.rpartition("/")[0] + "/postgres") as elsewhere,
    ):
        idle.cursor().execute("select 1")
        idle.rollback()
        reader.cursor().execute("select 1")
        elsewhere.cursor().execute("select 1")
        before = datetime.now(UTC)
        horizon = read_horizon(world.connection, margin=timedelta(0))
        elsewhere.rollback()

    assert horizon.blocker is None
    assert horizon.at is not None
    assert horizon.at >= before - timedelta(seconds=1)


def test_a_session_that_hides_its_activity_holds_everything_back(world: World) -> None:
    with world.other_session(options="-c track_activities=off") as hidden:
        hidden.cursor().execute("select 1")
        horizon = read_horizon(world.connection, margin=timedelta(0))

    assert horizon.at is None
    assert "track_activities" in str(horizon.blocker)


def test_without_pg_monitor_a_run_refuses_and_names_the_grant(world: World, empty_database: str) -> None:
    role = f"plain_{empty_database.rpartition('/')[2]}"
    world.execute(ITEMS)
    world.execute(f"create role {role} login password 'secret-of-plain'; grant select on items to {role}")
    contract = world.contract("items")
    settings = world.settings.model_copy(
        update={"postgres_dsn": SecretStr(_as_role(empty_database, role, "secret-of-plain"))}
    )
    try:
        with pytest.raises(AccessError, match=f'GRANT pg_monitor TO "{role}"') as refusal:
            World(settings, world.connection, world.store).run(contract)
        assert "secret-of-plain" not in str(refusal.value)
    finally:
        world.execute(f"drop owned by {role}; drop role {role}")


def _as_role(dsn: str, role: str, password: str) -> str:
    return f"postgresql://{role}:{password}@{dsn.rpartition('@')[2]}"


def test_a_cursor_in_the_future_is_told_with_its_key_until_it_is_corrected(world: World) -> None:
    world.execute(ITEMS)
    world.execute("insert into items values (1, 'a'), (2, 'b'), (3, 'c')")
    contract = world.contract("items")
    assert world.run(contract).notices == ()
    world.execute("alter table items disable trigger touch; update items set updated_at = '2099-01-01' where id = 2")
    world.execute("update items set updated_at = 'infinity' where id = 3; alter table items enable trigger touch")

    for _ in range(2):
        (notice,) = world.run(contract).notices
        assert '2 rows have a cursor in the future (\'updated_at\' up to infinity): {"id": 3}, {"id": 2}.' in notice
        assert "correct 'updated_at' at the source" in notice
    world.execute("update items set value = value || '!' where id in (2, 3)")
    assert world.run(contract).notices == ()
    world.assert_equal_to_source(contract)


def test_a_clock_that_is_a_little_ahead_is_not_told(world: World) -> None:
    world.execute(ITEMS)
    world.execute("insert into items values (1, 'a', now() + interval '30 seconds')")
    assert world.run(world.contract("items")).notices == ()
