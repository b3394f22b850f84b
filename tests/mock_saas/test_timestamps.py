"""Times and their text."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_saas.timestamps import format_us, parse_rfc3339, to_us

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds are asked for


@given(MOMENTS)
def test_text_has_six_digits_and_reads_back(moment: datetime) -> None:
    text = format_us(to_us(moment))
    assert text == moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert parse_rfc3339(text) == to_us(moment)


@given(MOMENTS, MOMENTS)
def test_text_sorts_as_time(first: datetime, second: datetime) -> None:
    assert (format_us(to_us(first)) < format_us(to_us(second))) == (first < second)


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_any_offset_is_understood(moment: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    local = (moment + timedelta(minutes=minutes)).isoformat(timespec="microseconds").removesuffix("+00:00")
    assert parse_rfc3339(f"{local}{sign}{hours:02d}:{rest:02d}") == to_us(moment)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-01-01",
        "2025-01-01T00:00:00",
        "2025-01-01T00:00:00.1234567Z",
        "2025-02-30T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "1735689600",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "now",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


def test_an_unescaped_plus_is_explained() -> None:
    with pytest.raises(ValueError, match="%2B"):
        parse_rfc3339("2025-01-01T00:00:00 02:00")
