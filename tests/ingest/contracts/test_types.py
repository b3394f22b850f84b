"""The type mapping: what Arrow holds exactly keeps its type, the rest lands as text, and nothing is guessed."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contracts.types import MAX_DECIMAL_PRECISION, Kind, LandingType, SourceType, landing_type
from ingest.errors import ContractError

NATIVE = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
    "character varying": pa.string(),
    "character": pa.string(),
    "bytea": pa.binary(),
}
TEXTUAL = [
    "uuid", "json", "jsonb", "xml", "interval", "money", "inet", "cidr", "macaddr", "point", "box", "circle",
    "tsvector", "int4range", "tstzrange", "datemultirange", "time without time zone", "time with time zone",
    "bit", "bit varying", "citext", "hstore", "oid", "pg_lsn", '"char"', "name",
]  # fmt: skip
ALIASES = {
    "bool": "boolean",
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
}

spaces = st.sampled_from(["", " ", "  ", "\t"])
known = st.sampled_from([*NATIVE, *TEXTUAL, *ALIASES, "numeric", "decimal"])


@st.composite
def spellings(draw: st.DrawFn, names: st.SearchStrategy[str] = known) -> tuple[str, str]:
    """Return a known type as somebody may write it, and as Postgres does."""
    name = draw(names)
    spelt = name if name.startswith('"') else draw(st.sampled_from([name, name.upper(), name.title()]))
    spelt = spelt.replace(" ", draw(st.sampled_from([" ", "  "])))
    return f"{draw(spaces)}{spelt}{draw(spaces)}", name


@pytest.mark.parametrize(("name", "arrow"), NATIVE.items())
def test_what_arrow_holds_exactly_keeps_its_type(name: str, arrow: pa.DataType) -> None:
    assert landing_type(name).arrow == arrow


@pytest.mark.parametrize("name", TEXTUAL)
def test_the_rest_lands_as_the_text_that_postgres_prints(name: str) -> None:
    assert landing_type(name).kind is Kind.TEXT


@given(spellings())
def test_case_and_spaces_do_not_matter(spelling: tuple[str, str]) -> None:
    spelt, name = spelling
    assert landing_type(spelt) == landing_type(name)
    assert str(SourceType.parse(spelt)) == str(SourceType.parse(name))


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_the_type_it_stands_for(alias: str, name: str) -> None:
    assert str(SourceType.parse(alias)) == str(SourceType.parse(name))
    assert landing_type(alias) == landing_type(name)


@given(spellings(), st.sampled_from(["[]", "[][]", "[3]", " [] ", "[ 3 ] []"]))
def test_an_array_of_anything_lands_as_text(spelling: tuple[str, str], brackets: str) -> None:
    assert landing_type(spelling[0] + brackets).kind is Kind.TEXT


@given(st.integers(1, 1000), st.integers(-1000, 1000), spaces)
def test_a_bounded_numeric_is_a_decimal_where_a_decimal_holds_it(precision: int, scale: int, space: str) -> None:
    landing = landing_type(f"numeric{space}({precision}{space},{space}{scale})")
    if precision <= MAX_DECIMAL_PRECISION and 0 <= scale <= precision:
        assert landing == LandingType(Kind.DECIMAL, precision, scale)
        assert landing.arrow == pa.decimal128(precision, scale)
    else:
        assert landing.kind is Kind.TEXT


def test_a_numeric_without_bounds_has_no_type_but_text() -> None:
    assert landing_type("numeric").kind is Kind.TEXT
    assert landing_type("decimal").kind is Kind.TEXT
    assert landing_type("numeric(10)") == LandingType(Kind.DECIMAL, 10, 0)


@pytest.mark.parametrize(
    ("spelt", "kind"),
    [
        ("timestamp(3) with time zone", Kind.TIMESTAMPTZ),
        ("timestamp(0) without time zone", Kind.TIMESTAMP),
        ("timestamptz(6)", Kind.TIMESTAMPTZ),
        ("time(3) with time zone", Kind.TEXT),
        ("character varying(20)", Kind.TEXT),
        ("bit varying(5)", Kind.TEXT),
        ("interval(3)", Kind.TEXT),
        ("interval day to second", Kind.TEXT),
        ("interval day to second(3)", Kind.TEXT),
        ("interval year to month", Kind.TEXT),
    ],
)
def test_arguments_and_fields_do_not_hide_the_type(spelt: str, kind: Kind) -> None:
    assert landing_type(spelt).kind is kind


@given(st.from_regex(r"[a-z_][a-z0-9_.]{0,20}", fullmatch=True).filter(lambda name: name not in NATIVE))
def test_an_unknown_type_is_refused_by_name_or_lands_as_text_if_asked(name: str) -> None:
    if SourceType.parse(name).name in {*NATIVE, *TEXTUAL, "numeric", "xid", "tid", "cid", "lseg", "line", "path"}:
        return
    with pytest.raises(ContractError, match="landAs: text") as caught:
        landing_type(name)
    assert f"'{name}'" in caught.value.message
    assert landing_type(name, land_as="text").kind is Kind.TEXT


@pytest.mark.parametrize(
    "spelt", ["", "  ", "()", "numeric(ten)", "numeric(10,two)", "numeric(0)", "numeric(5", "[]", "int array"]
)
def test_what_is_no_type_is_refused_and_quoted(spelt: str) -> None:
    with pytest.raises(ContractError) as caught:
        landing_type(spelt)
    assert f"'{spelt}'" in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_known_type_or_a_contract_error(text: str) -> None:
    try:
        landing = landing_type(text)
    except ContractError:
        return
    assert isinstance(landing.arrow, pa.DataType)


def test_land_as_takes_one_value() -> None:
    assert landing_type("timestamptz", land_as="text").kind is Kind.TEXT
    with pytest.raises(ContractError, match="landAs is 'string'"):
        landing_type("timestamptz", land_as="string")


def test_a_quoted_name_keeps_its_case_and_is_not_the_alias() -> None:
    assert str(SourceType.parse('"char"')) == '"char"'
    assert str(SourceType.parse('"Mood"')) == '"Mood"'
    assert str(SourceType.parse("CHAR(3)")) == "character(3)"
