"""The holidays in MART are the library's, day by day."""

from __future__ import annotations

from datetime import date

from holidays import country_holidays

from orchestration.dbt.holidays import COUNTRIES, FILE, as_macro
from tests.dbt.running.parsed import BUSINESS_NOW
from tests.dbt.running.raw_database import RawDatabase

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date.fromisoformat(BUSINESS_NOW[:10])


def test_the_rules_are_what_the_library_says() -> None:
    assert FILE.read_text(encoding="utf-8") == as_macro()


def test_mart_has_the_librarys_days(built: RawDatabase) -> None:
    years = range(FIRST_DAY.year, LAST_DAY.year + 1)
    expected = {
        (day, country, frozenset(names.split("; ")))
        for country in COUNTRIES
        for day, names in country_holidays(country, years=years, language="en_US").items()
    }
    shown = built.query("select holiday_date, country, holiday_name from MART.dim_holiday")
    assert {(day, country, frozenset(names.split("; "))) for day, country, names in shown} == expected
    assert len(shown) == len(expected)

    countries = built.query(
        "select calendar_date, holiday_countries from MART.dim_date where holiday_countries is not null"
    )
    by_day = {day: sorted(country for other, country, _ in expected if other == day) for day, _, _ in expected}
    assert {day: codes.split(",") for day, codes in countries} == by_day
