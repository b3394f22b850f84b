"""One rule for windows of time, in every interface."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import ConfigurationError
from ingest.run.window import MOMENT_PATTERN, moment, window

MOMENTS = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31))  # noqa: DTZ001
ZONES = st.one_of(st.none(), st.integers(-24 * 60 + 1, 24 * 60 - 1).map(lambda m: timezone(timedelta(minutes=m))))


@given(given_=MOMENTS, zone=ZONES, separator=st.sampled_from("T "))
def test_a_moment_means_the_same_as_text_and_read_and_is_utc_without_a_zone(
    given_: datetime, zone: timezone | None, separator: str
) -> None:
    value = given_.replace(tzinfo=zone)
    expected = given_.replace(tzinfo=zone or UTC).astimezone(UTC)

    assert moment(value, "from") == moment(value.isoformat(separator), "from") == expected
    assert moment(value, "from").tzinfo is UTC


@given(text=st.from_regex(MOMENT_PATTERN.replace(r"\d", "[0-9]"), fullmatch=True))
def test_what_a_form_takes_is_read_or_refused_by_its_name(text: str) -> None:
    try:
        datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        with pytest.raises(ConfigurationError, match=re.escape(f"from is '{text}'")):
            moment(text, "from")
        return
    assert moment(text, "from").tzinfo is UTC


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_one_moment_is_no_window_and_none_is_none(blank: str | None) -> None:
    assert window(blank, blank) is None
    with pytest.raises(ConfigurationError, match="backfill_from is given without backfill_to: a window needs both"):
        window("2026-01-01", blank)
    with pytest.raises(ConfigurationError, match="orders: --to is given without --from"):
        window(blank, "2026-01-01", names=("--from", "--to"), stream="orders")


@given(first=MOMENTS, second=MOMENTS)
def test_a_window_begins_before_it_ends(first: datetime, second: datetime) -> None:
    if first < second:
        assert window(first, second.isoformat()) == (first.replace(tzinfo=UTC), second.replace(tzinfo=UTC))
    else:
        with pytest.raises(ConfigurationError, match="the window is empty"):
            window(first, second)
