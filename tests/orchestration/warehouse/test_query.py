"""A query only reads, within its limits, and its result is shown completely, whatever the terminal's width."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ingest.errors import ConfigurationError
from orchestration.warehouse.answer import Answer, print_answer
from orchestration.warehouse.duckdb.query import QueryLimits, run_query
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse

KEY = "0123456789abcdef" * 2
ANSWER = Answer(
    columns=("product_key", "name", "price"),
    numeric=(False, False, True),
    rows=((KEY, "Lamp", None), (KEY[::-1], "Pen", 3.5)),
    more=False,
)


def shown(answer: Answer, *, width: int, terminal: bool = True) -> list[str]:
    output = StringIO()
    print_answer(answer, console=Console(file=output, force_terminal=terminal, width=width, color_system=None))
    return [line.rstrip() for line in output.getvalue().splitlines()]


def test_a_terminal_that_has_room_gets_a_table() -> None:
    lines = shown(ANSWER, width=80)
    assert f"│ {KEY} │ Lamp │  null │" in lines
    assert len(lines) == 6


def test_a_terminal_that_is_too_narrow_gets_a_record_a_row() -> None:
    lines = shown(ANSWER, width=47)
    assert [line.rstrip("─ ") for line in lines] == [
        "row 1",
        f"product_key  {KEY}",
        "name         Lamp",
        "price        null",
        "row 2",
        f"product_key  {KEY[::-1]}",
        "name         Pen",
        "price        3.5",
    ]


def test_what_is_no_terminal_gets_a_table_of_any_width() -> None:
    assert shown(ANSWER, width=20, terminal=False) == shown(ANSWER, width=80)


def test_one_long_column_is_folded() -> None:
    lines = shown(Answer(("text",), (False,), (("word " * 20,),), more=False), width=40)
    assert max(map(len, lines)) <= 40
    assert sum(line.count("word") for line in lines) == 20


def test_what_steers_a_terminal_is_shown_as_it_is_spelt() -> None:
    lines = shown(
        Answer(("a[red]\x1b[2J",), (False,), (("\x1b]0;title\x07 \u202egnp",), ("é 中 [b]",)), more=False), width=80
    )
    text = "\n".join(lines)
    assert "\x1b" not in text
    assert "\u202e" not in text
    for spelt in (r"a[red]\x1b[2J", r"\x1b]0;title\x07 \u202egnp", "é 中 [b]"):
        assert spelt in text


@pytest.fixture
def published(warehouse: DuckDBWarehouse) -> Path:
    with warehouse.connect() as session:
        session.create_schema("MART")
        session.execute("create table mart.t as select range as n, repeat('x', 50) as x from range(1000)")
    warehouse.publish("run")
    return warehouse.published_path


@pytest.mark.parametrize(
    "sql",
    [
        "select n from mart.t where n = 1",
        "from mart.t select n where n = 1;",
        "with one as (select 1 as n) select n from one",
        "values (1)",
        "show all tables",
        "describe mart.t",
        "summarize mart.t",
        "explain select * from mart.t",
        "-- why\nEXPLAIN /* it */ (ANALYZE, FORMAT json) select count(*) from mart.t",
    ],
)
def test_a_query_reads(published: Path, sql: str) -> None:
    assert run_query(published, sql, limit=None).rows


@pytest.mark.parametrize(
    "sql",
    [
        "copy (select 1) to '{path}'",
        "copy (select 1) to '{path}.wal'",
        "explain analyze copy (select 1) to '{path}'",
        "/**/ explain (analyze) copy (select 1) to '{folder}/other.csv'",
        "export database '{folder}/exported'",
        "select * from read_text('/etc/hostname')",
        "select * from read_blob('{path}')",
        "select * from glob('{folder}/*')",
        "attach '{folder}/other.duckdb'",
        "create temp table big as select * from range(10)",
        "delete from mart.t",
        "set memory_limit = '100GB'",
        "pragma memory_limit = '100GB'",
        "install httpfs",
        "checkpoint",
        "select 1; copy (select 1) to '{path}'",
        "prepare p as select 1",
        "",
    ],
)
def test_a_query_can_do_nothing_else(published: Path, sql: str) -> None:
    before = {path: path.read_bytes() for path in published.parent.iterdir()}
    with pytest.raises(ConfigurationError):
        run_query(published, sql.format(path=published, folder=published.parent), limit=None)
    assert {path: path.read_bytes() for path in published.parent.iterdir()} == before


def test_a_query_is_limited_in_memory_and_time_and_leaves_nothing_on_the_disk(published: Path) -> None:
    pairs = "from mart.t a cross join mart.t b cross join range(100)"
    large = f"select count(*) from (select a.n, b.x {pairs} order by b.x || a.n)"
    with pytest.raises(ConfigurationError, match="needs more memory") as caught:
        run_query(published, large, limit=None, limits=QueryLimits(memory="50MB"))
    assert caught.value.hint is not None
    assert "DUCKDB_MEMORY_LIMIT" in caught.value.hint
    tables = "mart.t a, mart.t b, mart.t c, mart.t d, mart.t e"
    endless = f"select count(*) from {tables} where a.n + b.n + c.n + d.n + e.n = -1"
    with pytest.raises(ConfigurationError, match=r"longer than 0\.2 s"):
        run_query(published, endless, limit=None, limits=QueryLimits(seconds=0.2))
    assert [path.name for path in published.parent.iterdir()] == [published.name]
