"""Any values of Postgres reach RAW unchanged: many rows of a broad table, made by Hypothesis."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from psycopg2.extras import execute_values

from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.ingest.run.world import World
from tests.orchestration.value_by_value import Passage

# Postgres holds any code point but zero; a lone surrogate is none.
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


def numbers(precision: int, scale: int) -> SearchStrategy[Decimal]:
    limit = 10**precision - 1
    return st.integers(-limit, limit).map(lambda digits: Decimal(f"{digits}e-{scale}"))


def integers(bits: int) -> SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


COLUMNS: dict[str, SearchStrategy[Any]] = {
    "smallint": integers(16),
    "integer": integers(32),
    "bigint": integers(64),
    # As text: a number in SQL is a numeric first, which has no negative zero.
    "real": st.floats(width=32).map(repr),
    "double precision": st.floats().map(repr),
    "numeric(4,4)": numbers(4, 4),
    "numeric(18,6)": numbers(18, 6),
    "numeric(38,0)": numbers(38, 0),
    "numeric(38,37)": numbers(38, 37),
    "numeric": st.decimals(allow_nan=None, allow_infinity=False),
    "boolean": st.booleans(),
    "text": TEXT,
    "character varying(45)": TEXT,
    "character(45)": TEXT,
    "bytea": st.binary(max_size=60),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes().map(lambda moment: f"{moment}+00"),
    "time": st.times(),
    "interval": st.timedeltas(),
    "uuid": st.uuids().map(str),
    "json": JSON.map(json.dumps),
    "jsonb": JSON.map(lambda value: json.dumps(value, ensure_ascii=False)),
    "text[]": st.lists(TEXT | st.none(), max_size=4),
    "double precision[]": st.lists(st.floats() | st.none(), max_size=4),
}
ROWS = st.lists(st.tuples(*(strategy | st.none() for strategy in COLUMNS.values())), min_size=5, max_size=20)
ZEROS = [
    tuple(zero if type_ in ("real", "double precision") else None for type_ in COLUMNS) for zero in ("0.0", "-0.0")
]


@pytest.fixture
def passage(source_world: World, warehouse: DuckDBWarehouse) -> Passage:
    columns = ", ".join(f"c{number} {type_}" for number, type_ in enumerate(COLUMNS))
    source_world.execute(f"create table broad (id int primary key, {columns})")
    return Passage(source_world, warehouse)


@pytest.mark.slow
@settings(
    max_examples=6,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(rows=ROWS)
@example(rows=ZEROS)
def test_any_values_reach_raw_as_they_are(passage: Passage, rows: list[tuple[Any, ...]]) -> None:
    passage.world.execute("truncate broad")
    with passage.world.connection.cursor() as cursor:
        template = "(%s, " + ", ".join(f"cast(%s as {type_})" for type_ in COLUMNS) + ")"
        execute_values(cursor, "insert into broad values %s", [(n, *row) for n, row in enumerate(rows)], template)
    [contract] = passage.contracts("public.broad")
    assert passage.pass_through([contract]) == 0
    passage.assert_equal(contract)
