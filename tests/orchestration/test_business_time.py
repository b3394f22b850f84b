"""The moment at which the business's time stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import ConfigurationError
from orchestration.business_time import FIRST, LAST, as_variable, parse_moment
from orchestration.settings import OrchestrationSettings

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2020, 1, 3), datetime(2099, 12, 29), timezones=ZONES)  # noqa: DTZ001 - zones follow


@given(MOMENTS)
def test_a_moment_is_the_same_however_it_is_written(moment: datetime) -> None:
    written = moment.isoformat()
    assert parse_moment(written) == parse_moment(written.lower()) == parse_moment(f" {written} ") == moment
    assert parse_moment(as_variable(moment)["BUSINESS_NOW"]) == moment
    assert as_variable(moment)["BUSINESS_NOW"].endswith("Z")


def test_nothing_is_the_clock_s_time() -> None:
    assert parse_moment("") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yesterday", "is no RFC 3339 time with its zone"),
        ("2028-02-29", "is no RFC 3339 time with its zone"),
        ("2028-02-29T23:58:00", "is no RFC 3339 time with its zone"),
        ("1709251080", "is no RFC 3339 time with its zone"),
        ("\uff12028-02-29T23:58:00Z", "is no RFC 3339 time with its zone"),
        ("2027-02-29T23:58:00Z", "there is no such time"),
        ("2028-02-29T24:58:00Z", "there is no such time"),
        ("9999-12-31T23:59:59-01:00", "there is no such time"),
        ((FIRST - timedelta(microseconds=1)).isoformat(), "out of range"),
        (LAST.isoformat(), "out of range"),
    ],
)
def test_anything_else_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says.replace("is no", "(is|which is) no")) as refused:
        parse_moment(text)
    assert refused.value.exit_code == 2


def test_the_setting_is_a_moment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert OrchestrationSettings.load().business_now is None
    monkeypatch.setenv("BUSINESS_NOW", "2028-02-29T23:58:00-05:00")
    assert OrchestrationSettings.load().business_now == datetime(2028, 3, 1, 4, 58, tzinfo=UTC)
    monkeypatch.setenv("BUSINESS_NOW", "2028")
    with pytest.raises(ConfigurationError, match=r"BUSINESS_NOW: .*no RFC 3339 time"):
        OrchestrationSettings.load()
