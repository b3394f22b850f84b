"""The shop's commands: their output, and their failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn
from typer.testing import CliRunner

from postgres import seed, setup
from postgres.activity import __main__ as activity
from postgres.connection import connected
from tests.postgres.conftest import BUSINESS_NOW, INGEST_PASSWORD, OWNER_PASSWORD, SMALL, Shop
from tests.postgres.shop_state import execute, fingerprint, one, violations

COMMANDS: dict[str, Callable[..., None]] = {"setup": setup.command, "seed": seed.command, "activity": activity.command}
VARIABLES = ("POSTGRES_DSN", "POSTGRES_ADMIN_DSN", "SHOP_OWNER_PASSWORD", "SHOP_INGEST_PASSWORD")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*VARIABLES, *(name for name in os.environ if name.startswith("PG"))]:
        monkeypatch.delenv(name, raising=False)


def run(name: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command in this process. Return exit code and output of both streams."""
    app = typer.Typer(add_completion=False)
    app.command()(COMMANDS[name])
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def assert_refused(outcome: tuple[int, str], *, says: str) -> None:
    code, output = outcome
    assert code == 2
    assert says in " ".join(output.replace("│", " ").split())
    assert "Traceback" not in output


def test_seed_as_a_program_writes_what_the_library_writes(empty_shop: Shop, seeded_connection: Connection) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "postgres.seed", "--scale", str(SMALL), "--seed", "11"),
            *("--business-now", BUSINESS_NOW.isoformat()),
        ],
        env={**os.environ, "POSTGRES_DSN": empty_shop.owner, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "stock movements" in done.stdout
    with connected(empty_shop.owner, application_name="tests") as connection:
        assert fingerprint(connection) == fingerprint(seeded_connection)


def test_activity_goes_on_where_the_shop_is(shop: Shop, owner: Connection) -> None:
    code, output = run("activity", "--dsn", shop.owner, "--span", "12h", "--seed", "7")
    assert code == 0
    assert "advanced from 2026-10-07 17:" in output
    assert one(owner, "select count(*) from orders where placed_at > %s", (BUSINESS_NOW,)) > 0
    assert violations(owner) == {}


def test_setup_then_seed(admin_dsn: str) -> None:
    passwords = {"SHOP_OWNER_PASSWORD": OWNER_PASSWORD, "SHOP_INGEST_PASSWORD": INGEST_PASSWORD}
    code, output = run("setup", "--database", "by_command", POSTGRES_ADMIN_DSN=admin_dsn, **passwords)
    assert (code, output) == (0, "created database by_command: owner shop, reader ingest\n")

    dsn = make_dsn(admin_dsn, dbname="by_command", user="shop", password=OWNER_PASSWORD)
    assert run("seed", "--scale", "0.001", POSTGRES_DSN=dsn)[0] == 0


def test_seed_ends_at_business_now_of_the_environment(empty_shop: Shop) -> None:
    assert_refused(run("seed", POSTGRES_DSN=empty_shop.owner, BUSINESS_NOW="2028"), says="BUSINESS_NOW: '2028' is not")

    moment = "2028-02-29T23:58:00Z"
    code, output = run("seed", "--scale", "0.001", POSTGRES_DSN=empty_shop.owner, BUSINESS_NOW=moment)

    assert (code, output.splitlines()[0]) == (0, "seeded until 2028-02-29T23:58:00+00:00")


def test_continuous_activity_goes_on_from_business_now(shop: Shop, owner: Connection) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "postgres.activity", "--every", "1s"],
        env={**os.environ, "POSTGRES_DSN": shop.owner, "BUSINESS_NOW": "2028-02-29T23:58:00Z"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("advancing every 0:00:01 from 2028-02-29 23:58Z")
        assert process.stdout.readline().startswith("2028-02-29T23:58:0")
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert one(owner, "select max(updated_at) <= now() from orders") is True


@pytest.mark.parametrize(
    ("stop", "extra"),
    [(signal.SIGTERM, ["--span", "1h", "--business-now", "2026-10-08T09:00:00Z"]), (signal.SIGINT, [])],
)
def test_continuous_activity_stops_cleanly(
    shop: Shop, owner: Connection, stop: signal.Signals, extra: list[str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "postgres.activity", "--every", "1s", *extra],
        env={**os.environ, "POSTGRES_DSN": shop.owner},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("advancing every 0:00:01 from 20")
        assert process.stdout.readline()
        process.send_signal(stop)
        output, errors = process.communicate()
    assert output.splitlines()[-1] == "stopped"
    assert (process.returncode, errors) == (0, "")
    assert violations(owner) == {}


def test_a_lost_connection_is_told_and_the_shop_is_sound(shop: Shop, owner: Connection) -> None:
    execute(
        owner,
        "create function hang_up() returns trigger language plpgsql as $$ begin"
        " if (select count(*) from orders where placed_at > '2026-10-07T18:30Z') > 3"
        " then perform pg_terminate_backend(pg_backend_pid()); end if; return null; end $$;"
        "create trigger hang_up after insert on orders for each row execute function hang_up()",
    )
    code, output = run("activity", "--business-now", BUSINESS_NOW.isoformat(), "--span", "2d", POSTGRES_DSN=shop.owner)
    assert code == 1
    # Whether the client still hears why is up to the server.
    assert output in (
        "error: the database failed: terminating connection due to administrator command\n",
        "error: the database failed: server closed the connection unexpectedly\n",
    )
    assert violations(owner) == {}
    assert one(owner, "select count(*) from orders where placed_at > %s", (BUSINESS_NOW,)) == 3


@pytest.mark.parametrize("name", ["seed", "activity"])
class TestRefusals:
    """Bad input: one clear line, exit code 2, no password."""

    def test_no_dsn(self, name: str) -> None:
        assert_refused(run(name), says="POSTGRES_DSN is not set: give --dsn or set POSTGRES_DSN")

    @pytest.mark.parametrize(
        "dsn",
        [
            "postgres//shop:hush-hush@localhost/shop",
            "postgresql://shop:hush@hush@localhost/shop",
            "postgresql://shop:hush-hush@localhost:54x2/shop",
            "host=localhost pasword=hush-hush",
        ],
    )
    def test_malformed_dsn(self, name: str, dsn: str) -> None:
        outcome = run(name, "--dsn", dsn)
        assert_refused(outcome, says="the DSN cannot be parsed")
        assert "hush" not in outcome[1]

    def test_wrong_password(self, name: str, empty_template: Shop) -> None:
        outcome = run(name, POSTGRES_DSN=make_dsn(empty_template.owner, password="hush-hush"))
        assert_refused(outcome, says=f"cannot connect to database '{empty_template.name}' at 127.0.0.1")
        assert_refused(outcome, says="password authentication failed")
        assert "hush-hush" not in outcome[1]

    def test_nobody_listens(self, name: str) -> None:
        outcome = run(name, "--dsn", "postgresql://shop:hush-hush@127.0.0.1:1/shop")
        assert_refused(outcome, says="at 127.0.0.1:1")
        assert "hush-hush" not in outcome[1]

    def test_no_such_database(self, name: str, empty_template: Shop) -> None:
        outcome = run(name, "--dsn", make_dsn(empty_template.owner, dbname="nowhere"))
        assert_refused(outcome, says="does not exist")

    def test_not_a_shop(self, name: str, admin_dsn: str) -> None:
        assert_refused(run(name, "--dsn", admin_dsn), says="this database is not a shop")

    def test_business_now_without_offset(self, name: str) -> None:
        assert_refused(run(name, "--business-now", "2026-01-31T12:00:00"), says="has no offset")

    def test_business_now_is_no_time(self, name: str) -> None:
        assert_refused(run(name, "--business-now", "yesterday"), says="not an ISO 8601 time")

    def test_business_now_is_out_of_range(self, name: str) -> None:
        assert_refused(run(name, "--business-now", "1066-10-14T09:00:00Z"), says="is out of range: 2020-01-01 to")


def test_the_reader_may_not_change_the_shop(seeded_template: Shop, new_shop: Callable[[], Shop]) -> None:
    assert_refused(run("activity", "--dsn", seeded_template.ingest), says="may not change the shop")
    assert_refused(run("seed", "--dsn", new_shop().ingest), says="may not change the shop")


def test_seed_refuses_a_shop_with_rows(seeded_template: Shop) -> None:
    assert_refused(run("seed", "--dsn", seeded_template.owner), says="the shop is not empty")


def test_seed_refuses_a_scale(empty_template: Shop) -> None:
    assert_refused(run("seed", "--dsn", empty_template.owner, "--scale", "-1"), says="out of range")


def test_activity_refuses_an_empty_shop(empty_template: Shop) -> None:
    assert_refused(run("activity", "--dsn", empty_template.owner), says="fill it with postgres.seed first")


@pytest.mark.parametrize("span", ["", "1", "1w", "-1d", "1.5d", "0s", "99999d"])
def test_activity_refuses_a_span(span: str) -> None:
    assert run("activity", f"--span={span}")[0] == 2


def test_setup_names_what_is_missing(admin_dsn: str) -> None:
    assert_refused(run("setup"), says="give --admin-dsn or set POSTGRES_ADMIN_DSN")
    assert_refused(run("setup", "--admin-dsn", admin_dsn), says="set SHOP_OWNER_PASSWORD")


def test_setup_needs_an_administrator(admin_dsn: str, empty_template: Shop) -> None:
    outcome = run(
        "setup",
        "--admin-dsn",
        make_dsn(empty_template.owner, dbname=parse_dsn(empty_template.owner)["dbname"]),
        "--database",
        "not_allowed",
        SHOP_OWNER_PASSWORD=OWNER_PASSWORD,
        SHOP_INGEST_PASSWORD=INGEST_PASSWORD,
    )
    assert_refused(outcome, says="permission denied to create database")
