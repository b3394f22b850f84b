"""Keys that need no sorting are recognised."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ingest.run.source_keys import KeyOrder

KEYS = pa.schema([("a", pa.string()), ("b", pa.int32())])
keys = st.tuples(st.sampled_from(["", "a", "B", "b", "ä", "ß", "z", "\U0001f600", "\uffff"]), st.integers(-2, 2))


def batches(rows: list[tuple[Any, ...]], places: list[int], schema: pa.Schema = KEYS) -> list[pa.RecordBatch]:
    edges = [0, *sorted(place % (len(rows) + 1) for place in places), len(rows)]
    return [
        pa.RecordBatch.from_arrays(
            [pa.array([row[index] for row in rows[start:end]], field.type) for index, field in enumerate(schema)],
            schema=schema,
        )
        for start, end in pairwise(edges)
    ]


def holds(parts: list[pa.RecordBatch]) -> bool:
    order = KeyOrder()
    for part in parts:
        order.add(part)
    return order.holds


@given(st.lists(keys, max_size=12), st.booleans(), st.lists(st.integers(0, 12), max_size=4))
def test_keys_are_in_order_if_each_is_above_the_one_before_wherever_batches_are_cut(
    rows: list[tuple[str, int]], is_sorted: bool, places: list[int]
) -> None:
    by_bytes = [(text.encode(), number) for text, number in rows]
    if is_sorted:
        by_bytes = sorted(set(by_bytes))
    rows = [(text.decode(), number) for text, number in by_bytes]
    expected = all(one < other for one, other in pairwise(by_bytes))
    assert holds(batches(rows, places)) is expected


def test_of_keys_without_a_value_and_of_numbers_that_have_no_one_order_nothing_is_said() -> None:
    assert not holds(batches([("a", 1), (None, 2)], []))
    for type_ in (pa.float64(), pa.bool_(), pa.decimal128(8, 2)):
        assert not holds([pa.RecordBatch.from_arrays([pa.array([0, 1], pa.int8()).cast(type_)], names=["k"])])
