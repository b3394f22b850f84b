"""Readers open the marts alone, whole; publishing never disturbs them, and they never disturb a writer."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from ingest.errors import ConflictError, FatalError
from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse

READ = """
import sys
import duckdb
with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read") as connection:
    for line in sys.stdin:
        print(connection.execute("select count(*) from mart.t").fetchall()[0][0], flush=True)
"""


class Reader:
    """Another process that has the database open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def count(self) -> int:
        """Return the number of rows of `mart.t`, read by the other process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def reader(path: Path, mode: str = "read") -> Iterator[Reader]:
    with subprocess.Popen(
        [sys.executable, "-c", READ, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Reader(process)
        process.kill()


def add_row(warehouse: DuckDBWarehouse) -> None:
    with warehouse.connect() as session:
        session.create_schema("MART")
        session.execute("create table if not exists mart.t (n integer)")
        session.execute("insert into mart.t values (1)")


def test_a_reader_keeps_what_it_opened_while_a_new_copy_is_published(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    warehouse.publish("first")
    with reader(warehouse.published_path) as old, warehouse.published_path.open("rb") as opened:
        assert old.count() == 1
        content = opened.read()
        add_row(warehouse)
        publication = warehouse.publish("second")
        assert old.count() == 1
        opened.seek(0)
        assert opened.read() == content, "its blocks that the reader has not read yet are another copy's"
        assert run_query(warehouse.published_path, "select count(*) from mart.t", limit=None).rows == ((2,),)
        with reader(warehouse.published_path) as new:
            assert new.count() == 2
    assert publication.path == warehouse.published_path
    assert publication.bytes == warehouse.published_path.stat().st_size
    assert [path.name for path in warehouse.published_path.parent.iterdir()] == [warehouse.published_path.name]


def test_the_copy_has_the_database_s_name(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    warehouse.publish("run")
    answer = run_query(warehouse.published_path, "select count(*) from DP_MAILBLAZE_DEMO_DEV_DB.mart.t", limit=None)
    assert answer.rows == ((1,),)


def test_a_copy_that_fails_leaves_the_old_one(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    warehouse.publish("first")
    before = warehouse.published_path.read_bytes()
    with warehouse.connect() as session:
        session.execute("create table mart.large as select range as n from range(100000)")

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, limits[1]))
    try:
        with pytest.raises(FatalError, match=r"cannot publish to .*old copy is untouched"):
            warehouse.publish("second")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert warehouse.published_path.read_bytes() == before
    assert [path.name for path in warehouse.published_path.parent.iterdir()] == [warehouse.published_path.name]


def test_a_view_that_cannot_be_read_is_not_published(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    with warehouse.connect() as session:
        session.execute("create table gone as select 1 as n")
        session.execute("create view mart.v as select n from gone")
        session.execute("drop table gone")
    with pytest.raises(FatalError, match=r"cannot publish to .*gone"):
        warehouse.publish("run")
    assert not list(warehouse.published_path.parent.iterdir())


MARKS = ("kept-in-raw", "kept-in-staging", "kept-in-main", "deleted-from-mart", "dropped-from-mart", "in-a-view's-text")


def test_the_published_file_holds_the_marts_and_nothing_else(warehouse: DuckDBWarehouse) -> None:
    """It holds no freed blocks of the working file, and no text or comment of another relation."""
    with warehouse.connect() as session:
        for schema in ("RAW", "STAGING", "MART"):
            session.create_schema(schema)
        session.execute("create table raw.t as select 'kept-in-raw' as x")
        session.execute("create table main.t as select 'kept-in-main' as x")
        session.execute("create view staging.v as select 'kept-in-staging' as x")
        session.execute("create table mart.old as select 'dropped-from-mart' as x from range(1000)")
        session.execute("drop table mart.old")
        session.execute('create table mart."a ""b.c" (n integer not null, "d ""e" text)')
        session.execute("insert into mart.\"a \"\"b.c\" values (1, 'deleted-from-mart'), (2, 'here')")
        session.execute('delete from mart."a ""b.c" where n = 1')
        session.execute("comment on table mart.\"a \"\"b.c\" is 'it''s said'")
        session.execute('comment on column mart."a ""b.c".n is \'the number\'')
        session.execute("create view mart.v as select x || '!' as y, 1 as n from raw.t where x <> 'in-a-view''s-text'")
    warehouse.publish("run")

    content = warehouse.published_path.read_bytes().replace(b"kept-in-raw!", b"")
    assert not [mark for mark in MARKS if mark.encode() in content]
    with duckdb.connect(str(warehouse.published_path), read_only=True) as connection:

        def ask(sql: str) -> list[tuple[object, ...]]:
            return connection.execute(sql).fetchall()

        assert ask("select schema_name, table_name, comment from duckdb_tables() order by 2") == [
            ("MART", 'a "b.c', "it's said"),
            ("MART", "v", None),
        ]
        assert ask("select count(*) from duckdb_views() where not internal") == [(0,)]
        assert ask(
            "select column_name, is_nullable, comment from duckdb_columns() where not internal and table_name <> 'v'"
        ) == [
            ("n", False, "the number"),
            ('d "e', True, None),
        ]
        assert ask('from mart."a ""b.c"') == [(2, "here")]
        assert ask("from mart.v") == [("kept-in-raw!", 1)]


def test_other_users_may_read_what_is_published_and_not_what_runs_write(warehouse: DuckDBWarehouse) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    before = os.umask(0o022)
    try:
        add_row(warehouse)
        warehouse.path.chmod(0o644)
        with warehouse.connect() as session:
            session.execute("insert into mart.t values (2)")
            log = warehouse.path.with_name(f"{warehouse.path.name}.wal")
            assert mode(log) == mode(warehouse.path) == 0o600
        warehouse.publish("run")
        assert mode(warehouse.path) == 0o600
        assert mode(warehouse.published_path) == 0o644
    finally:
        assert os.umask(before) == 0o022


def test_a_mart_larger_than_memory_is_published(tmp_path: Path, lake_settings: LakeSettings) -> None:
    warehouse = DuckDBWarehouse(tmp_path, "w", lake_settings, memory_limit="50MB")
    columns = ", ".join(f"hash(range + {number}) as c{number}" for number in range(6))
    with warehouse.connect() as session:
        session.create_schema("MART")
        session.execute(f"create table mart.t as select {columns} from range(1500000)")
    published = warehouse.publish("run")
    assert published.bytes is not None
    assert published.bytes > 60_000_000


def test_a_log_of_changes_that_somebody_left_beside_the_published_file_is_not_read_with_the_new_one(
    warehouse: DuckDBWarehouse,
) -> None:
    add_row(warehouse)
    warehouse.publish("first")
    stray = warehouse.published_path.with_name(f"{warehouse.published_path.name}.wal")
    stray.write_bytes(b"changes")
    warehouse.publish("second")
    assert not stray.exists()


def test_what_a_killed_publication_left_behind_is_removed(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    leftover = warehouse.published_path.parent / f".{warehouse.published_path.name}.4711"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    warehouse.publish("run")
    assert not leftover.exists()


def test_where_there_is_no_database_nothing_is_published(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(FatalError, match="there is no database"):
        warehouse.publish("run")
    assert not warehouse.path.exists()


def test_a_program_that_has_the_writer_s_file_open_is_named(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    impatient = DuckDBWarehouse(
        warehouse.path.parent, warehouse.path.stem, warehouse._lake, open_wait=warehouse._open_wait * 0
    )
    with reader(warehouse.path, "write") as other:
        assert other.count() == 1
        with (
            pytest.raises(ConflictError, match=r"another program has the warehouse open.*published"),
            impatient.connect(),
        ):
            pass


def test_a_file_that_is_no_database_is_said_so(warehouse: DuckDBWarehouse) -> None:
    warehouse.path.parent.mkdir(parents=True)
    warehouse.path.write_bytes(b"not a database" * 1000)
    with pytest.raises(FatalError, match="cannot open the warehouse"), warehouse.connect():
        pass
