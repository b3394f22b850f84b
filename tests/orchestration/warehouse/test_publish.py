"""Readers open a whole copy; publishing never disturbs them, and they never disturb a writer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest.errors import ConflictError, FatalError
from orchestration.warehouse.duckdb.publish import publish_copy
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse

READ = """
import sys
import duckdb
with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read") as connection:
    for line in sys.stdin:
        print(connection.execute("select count(*) from t").fetchall()[0][0], flush=True)
"""


class Reader:
    """Another process that has the database open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def count(self) -> int:
        """Ask it for the number of rows of `t`."""
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
        session.execute("create table if not exists t (n integer)")
        session.execute("insert into t values (1)")


def test_a_reader_keeps_what_it_opened_while_a_new_copy_is_published(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    warehouse.publish("first")
    with reader(warehouse.published_path) as old:
        assert old.count() == 1
        add_row(warehouse)
        publication = warehouse.publish("second")
        assert old.count() == 1
        assert run_query(warehouse.published_path, "select count(*) from t", limit=None).rows == ((2,),)
        with reader(warehouse.published_path) as new:
            assert new.count() == 2
    assert publication.path == warehouse.published_path
    assert publication.bytes == warehouse.published_path.stat().st_size
    assert [path.name for path in warehouse.published_path.parent.iterdir()] == [warehouse.published_path.name]


def test_the_copy_has_the_database_s_name(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    warehouse.publish("run")
    answer = run_query(warehouse.published_path, "select count(*) from DP_MAILBLAZE_DEMO_DEV_DB.main.t", limit=None)
    assert answer.rows == ((1,),)


def test_a_copy_that_fails_leaves_the_old_one(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    add_row(warehouse)
    warehouse.publish("first")
    add_row(warehouse)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(FatalError, match=r"No space left on device.*old copy is untouched"):
            warehouse.publish("second")
    assert run_query(warehouse.published_path, "select count(*) from t", limit=None).rows == ((1,),)


def test_what_a_killed_publication_left_behind_is_removed(warehouse: DuckDBWarehouse) -> None:
    add_row(warehouse)
    leftover = warehouse.published_path.parent / f".{warehouse.published_path.name}.4711"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    warehouse.publish("run")
    assert not leftover.exists()


def test_a_database_with_a_log_beside_it_is_not_published(tmp_path: Path) -> None:
    source = tmp_path / "w.duckdb"
    source.write_bytes(b"x")
    (tmp_path / "w.duckdb.wal").write_bytes(b"x")
    with pytest.raises(FatalError, match="was not checkpointed"):
        publish_copy(source, tmp_path / "published" / "w.duckdb")
    with pytest.raises(FatalError, match="there is no database"):
        publish_copy(tmp_path / "none.duckdb", tmp_path / "published" / "none.duckdb")


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
