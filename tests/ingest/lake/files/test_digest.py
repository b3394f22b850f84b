"""The digest of a full set: equal for equal values in equal order, different for any other."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.lake.files.digest import RowsDigest

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("flag", pa.bool_()),
        ("small", pa.int16()),
        ("amount", pa.decimal128(12, 2)),
        ("text", pa.string()),
        ("bytes", pa.binary()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("ratio", pa.float64()),
        ("single", pa.float32()),
    ]
)

Row = tuple[Any, ...]

row = st.tuples(
    *(
        st.none() | values
        for values in (
            st.integers(-(2**63), 2**63 - 1),
            st.booleans(),
            st.integers(-(2**15), 2**15 - 1),
            st.decimals(-(10**9), 10**9, places=2),
            st.text(max_size=5),
            st.binary(max_size=5),
            st.dates(),
            st.datetimes(timezones=st.just(UTC)),
            st.floats(allow_nan=False),
            st.floats(allow_nan=False, width=32),
        )
    )
)
some_rows = st.lists(row, min_size=1, max_size=6)


def batch_of(rows: list[Row], schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def digest(*batches: pa.RecordBatch) -> str:
    result = RowsDigest()
    for batch in batches:
        result.update(batch)
    return result.hexdigest()


@given(some_rows)
def test_equal_rows_have_equal_digests_wherever_in_memory_they_are(rows: list[Row]) -> None:
    batch = batch_of(rows)
    inside_a_longer_one = batch_of([rows[-1], *rows, rows[0]]).slice(1, len(rows))
    over_ipc = pa.ipc.read_record_batch(batch.serialize(), SCHEMA)
    filtered = batch_of([value for pair in zip(rows, rows, strict=True) for value in pair]).filter(
        pa.array([True, False] * len(rows))
    )
    assert digest(inside_a_longer_one) == digest(over_ipc) == digest(filtered) == digest(batch)


def test_what_lies_under_a_null_does_not_count() -> None:
    def one(hidden: int) -> pa.RecordBatch:
        validity, values = pa.array([None], pa.int64()).buffers()[0], pa.py_buffer(hidden.to_bytes(8, "little"))
        return pa.RecordBatch.from_arrays([pa.Array.from_buffers(pa.int64(), 1, [validity, values])], names=["id"])

    assert digest(one(1)) == digest(one(2))


@given(some_rows, st.data())
def test_any_changed_value_changes_the_digest(rows: list[Row], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(row)
    changed = [*rows[:at], other, *rows[at + 1 :]]
    same = repr(changed) == repr(rows)
    assert (digest(batch_of(changed)) == digest(batch_of(rows))) is same


@given(st.lists(some_rows, min_size=1, max_size=3), st.lists(some_rows, min_size=1, max_size=3))
def test_other_rows_have_another_digest_however_they_are_cut(one: list[list[Row]], other: list[list[Row]]) -> None:
    flat_one, flat_other = [r for rows in one for r in rows], [r for rows in other for r in rows]
    if repr(flat_one) != repr(flat_other):
        assert digest(*map(batch_of, one)) != digest(*map(batch_of, other))


def test_two_cuts_of_different_rows_do_not_meet() -> None:
    """Without the number of rows in the digest, these two would be the same bytes."""
    flags = pa.schema([("flag", pa.bool_())])
    apart = digest(batch_of([(False,)], flags), batch_of([(False,)], flags))
    together = digest(batch_of([(True,), (None,)], flags))
    assert apart != together


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([("a", "")], [("", "a")]),
        ([("ab", "c")], [("a", "bc")]),
        ([("", "")], [(None, "")]),
        ([("a", "b"), ("c", "d")], [("c", "d"), ("a", "b")]),
    ],
)
def test_text_does_not_run_together(one: list[Row], other: list[Row]) -> None:
    schema = pa.schema([("x", pa.string()), ("y", pa.string())])
    assert digest(batch_of(one, schema)) != digest(batch_of(other, schema))


def test_names_and_types_count_too() -> None:
    """A contract that renames a column or changes its type lands the set again."""
    digests = {
        digest(batch_of([(1,)], pa.schema([(name, kind)])))
        for name in ("id", "number")
        for kind in (pa.int64(), pa.timestamp("us"), pa.timestamp("us", tz="UTC"))
    }
    assert len(digests) == 6


def test_nothing_has_a_digest() -> None:
    assert digest() == digest()
    assert digest(batch_of([(1, True, 2, Decimal("1.00"), "", b"", None, datetime(1, 1, 1, tzinfo=UTC), 0.0, 0.0)]))
