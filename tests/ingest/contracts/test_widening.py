"""Which changes of a type flow through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contracts.drift import landing_of
from ingest.contracts.types import TEXT, Kind, LandingType
from ingest.contracts.widening import landing_widens, widened_landing

WIDENED = [
    ("smallint", "integer", "int32"),
    ("int2", "bigint", "int64"),
    ("integer", "bigint", "int64"),
    ("real", "double precision", "float64"),
    ("numeric(10,2)", "numeric(18,4)", "decimal(18,4)"),
    ("numeric(10,2)", "numeric(11,3)", "decimal(11,3)"),
    ("numeric(50,2)", "numeric(60,2)", "text"),
    ("numeric(50,2)", "numeric", "text"),
    ("varchar(10)", "varchar(20)", "text"),
    ("varchar(10)", "text", "text"),
    ("varchar", "text", "text"),
    ("varchar(10)[]", "text[]", "text"),
    ("integer[]", "bigint[]", "text"),
    ("name", "text", "text"),
    ("bit(3)", "bit varying(8)", "text"),
    ("bit varying(8)", "bit varying", "text"),
    ("time(3)", "time", "text"),
    ("timestamptz(0)", "timestamptz", "timestamptz"),
    ("timestamp(3)", "timestamp(6)", "timestamp"),
    ("interval(0)", "interval", "text"),
]
STOPPED = [
    ("bigint", "integer"),
    ("integer", "numeric(20,0)"),
    ("integer", "text"),
    ("integer", "integer[]"),
    ("double precision", "real"),
    ("numeric(18,4)", "numeric(10,2)"),
    ("numeric(10,2)", "numeric(10,4)"),
    ("numeric(38,2)", "numeric(40,2)"),  # no lake type holds it but text, which RAW cannot become
    ("numeric(10,2)", "numeric"),
    ("numeric", "numeric(10,2)"),
    ("numeric(50,2)", "numeric(60,4)"),  # lands as text, and would print otherwise
    ("numeric(10,2)[]", "numeric(18,4)[]"),
    ("real[]", "double precision[]"),
    ("varchar(20)", "varchar(10)"),
    ("text", "varchar(20)"),
    ("text", "citext"),
    ("character(5)", "character(10)"),  # blanks are added
    ("character(5)", "text"),  # blanks are cut
    ("date", "timestamp"),
    ("timestamp", "timestamptz"),
    ("timestamptz", "timestamptz(0)"),
    ("json", "jsonb"),
    ("uuid", "text"),
    ("text", "bytea"),
    ("bit(3)", "bit(4)"),
]


@pytest.mark.parametrize(("old", "new", "landing"), WIDENED)
def test_a_wider_type_lands_as_the_wider_type(old: str, new: str, landing: str) -> None:
    assert str(widened_landing(old, landing_of(old), new)) == landing


@pytest.mark.parametrize(("old", "new"), STOPPED)
def test_any_other_change_is_none(old: str, new: str) -> None:
    assert widened_landing(old, landing_of(old), new) is None


def test_what_is_landed_as_text_by_its_contract_must_print_alike() -> None:
    assert widened_landing("integer", TEXT, "bigint") == TEXT
    assert widened_landing("numeric(10,2)", TEXT, "numeric(12,2)") == TEXT
    assert widened_landing("numeric(10,2)", TEXT, "numeric(18,4)") is None
    assert widened_landing("real", TEXT, "double precision") is None


LANDINGS = st.one_of(
    st.sampled_from([LandingType(kind) for kind in Kind if kind is not Kind.DECIMAL]),
    st.integers(1, 38).flatmap(
        lambda precision: st.builds(LandingType, st.just(Kind.DECIMAL), st.just(precision), st.integers(0, precision))
    ),
)


@given(LANDINGS, LANDINGS, LANDINGS)
def test_widening_is_a_partial_order_and_types_are_read_as_they_are_written(
    a: LandingType, b: LandingType, c: LandingType
) -> None:
    assert LandingType.parse(str(a)) == a
    assert landing_widens(a, a)
    if landing_widens(a, b) and landing_widens(b, a):
        assert a == b
    if landing_widens(a, b) and landing_widens(b, c):
        assert landing_widens(a, c)
