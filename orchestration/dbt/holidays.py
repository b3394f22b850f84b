"""The public holidays of the shop's countries, as a seed of dbt.

`python -m orchestration.dbt.holidays` writes `dbt/seeds/holidays.csv` from the library `holidays`, which SQL cannot call; with
`--check` it exits with 1 where the file is not what the library says.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

COUNTRIES = ("BE", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "PT")
"""Where the shop's customers live, ISO 3166-1 alpha-2."""
YEARS = range(2000, 2050)
"""From the calendar's first day on; the days after have none until these are prolonged."""
SEED = Path(__file__).resolve().parents[2] / "dbt" / "seeds" / "holidays.csv"


def rows() -> Iterator[tuple[date, str, str]]:
    """Day, country and English name of each holiday that the whole country has, in that order."""
    from holidays import country_holidays  # noqa: PLC0415 -- not in the images, which run what was written

    found = []
    for country in COUNTRIES:
        days = country_holidays(country, years=YEARS, language="en_US")
        found += [(day, country, name) for day, name in days.items()]
    yield from sorted(found)


def as_csv() -> str:
    """The seed's text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("holiday_date", "country", "holiday_name"))
    writer.writerows(rows())
    return text.getvalue()


def main() -> int:
    """Write or check the seed; the exit code."""
    wanted = as_csv()
    if "--check" not in sys.argv[1:]:
        SEED.parent.mkdir(exist_ok=True)
        SEED.write_text(wanted, encoding="utf-8")
        return 0
    if SEED.exists() and SEED.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"{SEED} is not what the library says: run python -m orchestration.dbt.holidays", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
