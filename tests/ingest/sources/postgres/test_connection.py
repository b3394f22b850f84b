"""Connection strings as libpq reads them, and what is said where a connection is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import SecretStr

from ingest.errors import AccessError, ConfigurationError, PlatformError, TransientError, UnreachableError
from ingest.sources.postgres.connection import CONNECTING, Server, connection_string, postgres_errors
from tests.ingest.cli.command import CommandLine
from tests.ingest.run.world import ITEMS, World

SECRET = "s3cret-of-this-test"


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p@h/db?sslrootcert=/a@b.pem", {"host": "h", "password": "p", "sslrootcert": "/a@b.pem"}),
        ("postgresql://h:1/db?user=u&password=a@b/c", {"user": "u", "host": "h", "password": "a@b/c"}),
        ("postgresql://u@h/db?password=a@b/c", {"user": "u", "host": "h", "password": "a@b/c"}),
        ("postgresql://u:p?x#y@h:5/db", {"password": "p?x#y", "host": "h", "port": "5"}),
        ("postgresql://u:p%40%2F@h1:1,h2:2/db", {"password": "p@/", "host": "h1,h2", "port": "1,2"}),
        ("postgresql://h:5432/my@db", {"host": "h", "dbname": "my@db"}),
        ("host=h password='a@b/c' user=u", {"host": "h", "password": "a@b/c"}),
        ("postgres:///db?host=/var/run&port=6", {"host": "/var/run", "port": "6"}),
        ("postgresql://u@[::1]:5432/db", {"host": "::1", "port": "5432"}),
        ("postgresql://u@%40abstract/db", {"host": "@abstract"}),
    ],
)
def test_a_connection_string_is_read_as_libpq_reads_it(dsn: str, expected: dict[str, str]) -> None:
    told = parse_dsn(connection_string(SecretStr(dsn)))
    assert {name: told.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        (f"postgresql://u:a@{SECRET}@h/db", "percent-encoded"),
        (f"postgresql://u:{SECRET}/b@h/db", "percent-encoded"),
        (f"postgresql://u:12/{SECRET}@h/db", "percent-encoded"),
        (f"postgresql://u:{SECRET}/b", "the port in .* is no number from 1 to 65535"),
        ("postgresql://h:99999/db", "the port in .* is no number from 1 to 65535"),
        ("postgresql://h:0/db", "the port in .* is no number from 1 to 65535"),
        ("host=h port=1,x", "the port in .* is no number from 1 to 65535"),
        (f"postgresql://u:{SECRET}%zz@h/db", "is not a connection string"),
        (f"host=h password={SECRET} nonsense", "is not a connection string"),
    ],
)
def test_what_libpq_would_cut_is_refused_without_showing_it(dsn: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refusal:
        Server(SecretStr(dsn), given_as="--from-postgres")
    assert "--from-postgres" in str(refusal.value)
    assert SECRET not in str(refusal.value)


SAID = {
    "no root certificate": (
        'connection to server at "h", port 5 failed: root certificate file "/root.crt" does not exist\n'
        "Either provide the file, use the system's trusted roots with sslrootcert=system, or change sslmode\n",
        ConfigurationError,
        "Its place is sslrootcert",
    ),
    "unknown role": (
        'connection to server at "h", port 5 failed: FATAL:  role "nobody" does not exist\n',
        AccessError,
        "no such login: correct the user in POSTGRES_DSN",
    ),
    "pg_hba": (
        'connection to server at "h", port 5 failed: FATAL:  no pg_hba.conf entry for host "1.2.3.5", user "u", '
        'database "d", no encryption\n',
        AccessError,
        "sslmode=require",
    ),
    "pg_hba with TLS": (
        'connection to server at "h", port 5 failed: FATAL:  no pg_hba.conf entry for host "1.2.3.5", user "u", '
        'database "d", SSL encryption\n',
        AccessError,
        "add a line for it",
    ),
    "client certificate": (
        'connection to server at "h", port 5 failed: FATAL:  connection requires a valid client certificate\n',
        AccessError,
        "sslcert and sslkey",
    ),
    "wrong certificate": (
        'connection to server at "h", port 5 failed: server certificate for "x" does not match host name "h"\n',
        ConfigurationError,
        "sslrootcert or the host",
    ),
    "unverified": (
        'connection to server at "h", port 5 failed: SSL error: certificate verify failed\n',
        ConfigurationError,
        "sslrootcert or the host",
    ),
    "starting": (
        'connection to server at "h", port 5 failed: FATAL:  the database system is starting up\n',
        UnreachableError,
        "try again in a moment",
    ),
    "full": (
        'connection to server at "h", port 5 failed: FATAL:  sorry, too many clients already\n',
        TransientError,
        "lower INGEST_CONCURRENCY",
    ),
    "only standbys": (
        'connection to server at "a", port 5 failed: session is read-only\n'
        'connection to server at "b", port 5 failed: session is read-only\n',
        UnreachableError,
        r'"a", port 5 .*; .*"b", port 5 .*target_session_attrs',
    ),
    "pooler": ('connection to server at "h", port 5 failed: FATAL:  no such user: u\n', AccessError, "no such login"),
    "nothing": (
        'connection to server at "h", port 5 failed: Connection refused\n\tIs the server running on that host?\n',
        UnreachableError,
        "Is Postgres up, and is POSTGRES_DSN right",
    ),
}


@pytest.mark.parametrize(("text", "kind", "said"), SAID.values(), ids=SAID.keys())
def test_each_refusal_has_its_own_words_and_way_out(text: str, kind: type[PlatformError], said: str) -> None:
    with pytest.raises(PlatformError, match=said) as refusal, postgres_errors(CONNECTING):
        raise psycopg2.OperationalError(text)
    assert type(refusal.value) is kind
    assert "\n" not in str(refusal.value)


@pytest.fixture
def role(source_world: World) -> Iterator[str]:
    name = f"guest_{uuid4().hex[:8]}"
    source_world.execute(f"create role {name} login password '{SECRET}'")
    yield name
    source_world.execute(f"drop owned by {name}; drop role {name}")


@pytest.fixture
def no_postgres() -> Iterator[int]:
    """The port of a server that answers every connection with a line of HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(64)
                    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = Thread(target=answer, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize(
    ("change", "parts", "said"),
    [
        ("alter role {role} nologin", {}, r"not permitted to log in\. Allow it \(ALTER ROLE \"guest_.* LOGIN\)"),
        ("alter role {role} connection limit 0", {}, "too many connections for role.*Every connection is taken"),
        ("revoke connect on database {db} from public", {}, r"GRANT CONNECT ON DATABASE \"empty_.*\" TO the login"),
        ("select 1", {"dbname": "absent"}, 'database "absent" does not exist.*Correct the database'),
        ("select 1", {"sslmode": "require"}, "does not support SSL.*lower sslmode"),
        ("select 1", {"sslmode": "sometimes"}, 'invalid sslmode value: "sometimes".*Correct --from-postgres'),
        ("select 1", {"target_session_attrs": "standby"}, "not in hot standby mode.*target_session_attrs"),
    ],
)
def test_a_server_that_refuses_is_told_by_its_reason(
    change: str, parts: dict[str, str], said: str, role: str, source_world: World
) -> None:
    dsn = source_world.settings.postgres_dsn.get_secret_value()
    source_world.execute(change.format(role=role, db=parse_dsn(dsn)["dbname"]))
    asked = make_dsn(dsn, user=role, password=SECRET, **parts)
    with pytest.raises(PlatformError, match=said) as refusal:
        Server(SecretStr(asked), given_as="--from-postgres").connect()
    assert SECRET not in str(refusal.value)
    assert "POSTGRES_DSN" not in str(refusal.value)
    assert "Is Postgres up" not in str(refusal.value)


def test_a_port_at_which_something_else_answers_is_told(no_postgres: int) -> None:
    with pytest.raises(ConfigurationError, match=r"no Postgres: correct the port in POSTGRES_DSN"):
        Server(SecretStr(f"postgresql://u@127.0.0.1:{no_postgres}/db?sslmode=require")).connect()


@pytest.mark.parametrize("attribute", ["read-write", "primary", "any"])
def test_a_primary_that_is_asked_for_as_such_is_read(attribute: str, source_world: World) -> None:
    source_world.execute(ITEMS)
    source_world.execute("insert into items values (1, 'a')")
    contract = source_world.contract("items")
    dsn = make_dsn(source_world.settings.postgres_dsn.get_secret_value(), target_session_attrs=attribute)
    settings = source_world.settings.model_copy(update={"postgres_dsn": SecretStr(dsn)})
    assert World(settings, source_world.connection, source_world.store).run(contract).rows_landed == 1


def test_a_connection_string_from_the_command_line_is_named_as_that(command_line: CommandLine) -> None:
    done = command_line.run("contract", "new", "--from-postgres", "postgresql://u@127.0.0.1:1/db", "t")
    assert done.exit_code == 2
    assert "is --from-postgres right?" in done.err
    assert "POSTGRES_DSN" not in done.err
