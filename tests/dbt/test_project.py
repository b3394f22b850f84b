"""The project as a whole: it parses everywhere, says what it holds, and keeps personal data where it belongs."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.conftest import SALT, dbt_on
from tests.dbt.running.parsed import PROJECT
from tests.dbt.running.project import CI_PROFILES, Dbt, DbtResult
from tests.dbt.running.raw_database import RawDatabase

KINDS = {
    ("Promise", "error"),
    ("Oddity of the source", "warn"),
    ("Own data", "warn"),  # what the platform wrote of itself is no reason to hold marts back
}


@pytest.fixture(scope="module")
def ci(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """dbt with CI's profile, on a clone that has never seen a database."""
    return Dbt(tmp_path_factory.mktemp("ci"), profiles=CI_PROFILES)


@pytest.fixture(scope="module")
def macros(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """The same, on a copy with only the project's settings and macros. With other variables dbt parses all that is
    there again.
    """
    folder = tmp_path_factory.mktemp("macros")
    shutil.copy(PROJECT / "dbt_project.yml", folder)
    shutil.copytree(PROJECT / "macros", folder / "macros")
    return Dbt(folder, project=folder, profiles=CI_PROFILES)


@pytest.fixture(scope="module")
def compiled(ci: Dbt) -> DbtResult:
    """The result of CI's `dbt deps` and `dbt compile`."""
    ci.succeed("deps")
    return replace(ci, manifest=True).succeed("compile", "--show-all-deprecations")


@pytest.fixture(scope="module")
def models(compiled: DbtResult) -> dict[str, dict[str, Any]]:
    """The manifest's models by name."""
    nodes = compiled.manifest()["nodes"].values()
    return {node["name"]: node for node in nodes if node["resource_type"] == "model"}


def test_compiles_with_cis_profile_and_without_a_deprecation(compiled: DbtResult) -> None:
    assert "eprecation" not in compiled.output
    assert "[WARNING]" not in compiled.output


def test_every_data_test_says_which_kind_it_is_and_stops_publication_only_for_a_promise(compiled: DbtResult) -> None:
    tests = [node for node in compiled.manifest()["nodes"].values() if node["resource_type"] == "test"]
    assert tests
    for test in tests:
        kind, _, what = test["description"].partition(": ")
        assert (kind, test["config"]["severity"].lower()) in KINDS, test["name"]
        assert what.endswith("."), test["name"]


def test_no_unit_test_gives_a_backslash_which_snowflake_reads_as_an_escape(compiled: DbtResult) -> None:
    tests = compiled.manifest()["unit_tests"].values()
    assert tests
    for test in tests:
        for fixture in (*test["given"], test["expect"]):
            rows = fixture["rows"]
            cells = [rows] if isinstance(rows, str) else [str(cell) for row in rows or () for cell in row.values()]
            assert not any("\\" in cell for cell in cells), test["name"]


def test_what_is_parsed_for_one_account_holds_for_all() -> None:
    """Tests share it (`running/parsed.py`). The role is read while a model runs."""
    paths = [path for folder in ("models", "macros", "tests") for path in (PROJECT / folder).rglob("*.*")]
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / "dbt_project.yml", *paths)]
    read = {name for text in texts for name in re.findall(r"\btarget\.(\w+)", text)}
    assert read == {"type", "schema", "database", "role"}


def test_no_folder_of_a_test_and_no_database_parses_the_project_again(raw: RawDatabase, tmp_path: Path) -> None:
    """Parsing takes as long as two builds."""
    for name in ("one", "another"):
        folder = tmp_path / name
        folder.mkdir()
        database = RawDatabase(folder / raw.path.name, raw.contracts)
        shutil.copyfile(raw.path, database.path)
        for work in (folder, tmp_path):
            result = dbt_on(database, work).succeed("ls", "--select", "dim_date", "--log-level", "debug")
            assert "no changes found, skipping parsing" in result.output


def test_incremental_models_merge_and_refuse_another_list_of_columns(models: dict[str, dict[str, Any]]) -> None:
    for name, model in models.items():
        if model["config"]["materialized"] == "incremental":
            assert model["config"]["incremental_strategy"] in ("merge", "replace"), name
            assert model["config"]["on_schema_change"] == "fail", name


def test_the_documented_columns_are_the_tables(built: RawDatabase, models: dict[str, dict[str, Any]]) -> None:
    rows = built.query("select lower(table_name), column_name from information_schema.columns")
    for name, model in models.items():
        assert [column for table, column in rows if table == name] == list(model["columns"]), name


def test_personal_data_stays_in_staging(built: RawDatabase) -> None:
    people = built.query("select lower(email), lower(full_name) from STAGING.stg_customers")
    text_columns = built.query(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where data_type = 'VARCHAR' and table_schema in ('INTERMEDIATE', 'MART')"
    )
    assert people
    assert text_columns
    found = built.queries(
        {
            f"{schema}.{table}.{column}": (
                f"select distinct lower({column}) from {schema}.{table} where {column} is not null"
            )
            for schema, table, column in text_columns
        }
    )
    for column, values in found.items():
        text = "\n".join(value for (value,) in values)
        assert not [email for email, name in people if email in text or f"{name}\n" in f"{text}\n"], column
        assert "@" not in text or column.endswith(".from_address"), column


def test_the_calendar_is_from_the_first_day_to_the_runs_with_three_members_beside(built: RawDatabase) -> None:
    assert built.query(
        "select min(calendar_date)::varchar, max(calendar_date)::varchar, count(*), sum(is_weekend::int), "
        "count(*) filter (where month_start = calendar_date) from MART.dim_date where out_of_range is null"
    ) == [("2000-01-01", "2026-12-31", 9862, 2818, 324)]
    assert built.query(
        "select calendar_date::varchar, out_of_range, year_number from MART.dim_date where out_of_range is not null "
        "order by 1"
    ) == [
        ("1900-01-01", "out of range: before the calendar", None),
        ("1900-01-02", "unknown", None),
        ("9999-12-31", "out of range: after the run's day", None),
    ]
    assert built.query(
        "select iso_day_of_week, day_name, month_name, iso_year, iso_week_of_year, iso_week_start::varchar, "
        "quarter_of_year, holiday_countries from MART.dim_date "
        "where calendar_date in ('2021-01-03', '2026-03-01', '2026-04-27') order by calendar_date"
    ) == [
        (7, "Sunday", "January", 2020, 53, "2020-12-28", 1, None),
        (7, "Sunday", "March", 2026, 9, "2026-02-23", 1, None),
        (1, "Monday", "April", 2026, 18, "2026-04-27", 2, "NL"),
    ]
    assert built.query("select holiday_name from MART.dim_holiday where holiday_date = '2026-04-27'") == [
        ("King's Day",)
    ]


def test_every_date_in_mart_is_a_row_of_the_calendar(built: RawDatabase) -> None:
    dates = built.query(
        "select table_name, column_name from information_schema.columns where table_schema = 'MART' "
        "and data_type = 'DATE' and table_name <> 'dim_date'"
    )
    assert len(dates) >= 8
    outside = built.queries(
        {
            f"{table}.{column}": (
                f"select count(*) from MART.{table} left join MART.dim_date on calendar_date = {column} "
                "where calendar_date is null"
            )
            for table, column in dates
        }
    )
    assert outside == {place: [(0,)] for place in outside}


def test_the_salt_is_in_every_hash_and_in_no_file_that_dbt_leaves(built: RawDatabase) -> None:
    salted = f"sha256('{SALT}' || lower(trim(email)))"
    hashed = built.query(
        f"select count(*), count_if(email_hash = {salted}) from MART.dim_customer "
        "join STAGING.stg_customers using (customer_id)"
    )
    assert hashed[0][0] == hashed[0][1] > 0

    files = [path for path in built.path.parent.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"manifest.json", "run_results.json", "partial_parse.msgpack", "dim_customer.sql", "dbt.log"} <= names
    assert [path for path in files if SALT.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ENVIRONMENT": "production"}, "EMAIL_SALT is not set"),
        ({"ENVIRONMENT": ""}, "EMAIL_SALT is not set"),
        ({"EMAIL_SALT": "it's"}, "EMAIL_SALT must be"),
        ({"EMAIL_SALT": "x" * 257}, "EMAIL_SALT must be"),
        ({"ENVIRONMENT": "production", "EMAIL_SALT": "9f86d081884c7d65"}, None),
    ],
)
def test_a_salt_that_protects_nothing_is_refused(macros: Dbt, variables: dict[str, str], message: str | None) -> None:
    result = macros.run("run-operation", "set_email_salt", **variables)
    assert (result.code == 0) is (message is None), result.output
    assert message is None or message in result.output


@pytest.mark.parametrize(
    ("business_now", "day"),
    [
        ("2028-02-29T23:58:00Z", "2028-02-29"),
        ("2028-02-29T23:58:00-05:00", "2028-03-01"),
        ("2027-03-28t00:30:00.5+02:00", "2027-03-27"),
        ("2028-02-29", None),
        ("2028-02-29T23:58:00", None),
    ],
)
def test_the_runs_day_is_the_utc_day_of_business_now(macros: Dbt, business_now: str, day: str | None) -> None:
    result = macros.run("compile", "--inline", "day: {{ business_day() }}", BUSINESS_NOW=business_now)
    assert (result.code == 0) is (day is not None), result.output
    assert ("BUSINESS_NOW is" if day is None else f"day: cast('{day}' as date)") in result.output


@pytest.mark.parametrize(
    ("zone", "day"),
    [("Europe/Amsterdam", "2028-03-01"), ("America/New_York", "2028-02-29"), ("Mars/Olympus", None)],
)
def test_the_shop_has_a_day_of_its_own(macros: Dbt, zone: str, day: str | None) -> None:
    variables = ("--vars", f"{{shop_time_zone: {zone}}}")
    now = "2028-02-29T23:58:00Z"
    result = macros.run("compile", "--inline", "day: {{ local_business_day() }}", *variables, BUSINESS_NOW=now)
    assert (result.code == 0) is (day is not None), result.output
    assert ("shop_time_zone is" if day is None else f"day: cast('{day}' as date)") in result.output


def test_data_tests_know_no_dialect() -> None:
    dialect = re.compile(r"target\.type|adapter\.dispatch|adapter\.type|duckdb__|snowflake__")
    for path in (PROJECT / "tests").rglob("*.sql"):
        assert not dialect.search(path.read_text()), path
