"""One grant or setting is broken at a time: the checks that name it fail, and the others go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.snowflake.doctor.patient import Patient, faults, shown

COPIES = {f"COPY: {what}" for what in ("a landed file", "an empty text", "times", "a number that would be rounded")}
HISTORY = "COPY_HISTORY"
WAREHOUSES, KINDS = ("load", "transform", "bi"), ("generation", "acceleration", "suspend", "monitor")


@dataclass(frozen=True)
class Broken:
    """A breakage: the statements that make and undo it, the checks that it fails, and words that their advice
    contains.
    """

    breaking: Sequence[str]
    mending: Sequence[str]
    faults: set[str]
    advice: str


def revoked(privilege: str, on: str, role: str, *names: str, advice: str = "") -> Broken:
    """Return the breakage of a missing grant."""
    grant = f"GRANT {privilege} ON {on} TO ROLE {role}"
    return Broken([f"REVOKE {privilege} ON {on} FROM ROLE {role}"], [grant], set(names), advice or grant)


def granted(privilege: str, on: str, role: str, *names: str, advice: str) -> Broken:
    """Return the breakage of a superfluous grant."""
    revoke = f"REVOKE {privilege} ON {on} FROM ROLE {role}"
    return Broken([f"GRANT {privilege} ON {on} TO ROLE {role}"], [revoke], set(names), advice)


CLOSED = ("_keys", "_log", "_quarantine", "_runs", "_ops", "_built")
BROKEN = {
    "the loader's role is taken away": Broken(
        ["REVOKE ROLE {loader} FROM USER {user}"],
        ["GRANT ROLE {loader} TO USER {user}"],
        {"login: loader"},
        "GRANT ROLE {loader} TO USER {user};",
    ),
    "the reader's role is taken away": Broken(
        ["REVOKE ROLE {reader} FROM USER {dbt}"],
        ["GRANT ROLE {reader} TO USER {dbt}"],
        {"login: reader"},
        "GRANT ROLE {reader} TO USER {dbt};",
    ),
    "dbt's user is disabled": Broken(
        ["ALTER USER {dbt} SET DISABLED = TRUE"],
        ["ALTER USER {dbt} SET DISABLED = FALSE"],
        {"login: transformer", "login: reader"},
        "disabled",
    ),
    "the loader has another key": Broken(
        ["ALTER USER {user} SET RSA_PUBLIC_KEY = '{other_key}'"],
        ["ALTER USER {user} SET RSA_PUBLIC_KEY = '{key}'"],
        {"login: loader"},
        "ALTER USER {user} SET RSA_PUBLIC_KEY",
    ),
    "the loader has all its roles at once": Broken(
        ["ALTER USER {user} SET DEFAULT_SECONDARY_ROLES = ('ALL')"],
        ["ALTER USER {user} SET DEFAULT_SECONDARY_ROLES = ()"],
        {"secondary roles: loader"},
        "ALTER USER {user} SET DEFAULT_SECONDARY_ROLES = ();",
    ),
    "dbt's user has all its roles at once": Broken(
        ["ALTER USER {dbt} SET DEFAULT_SECONDARY_ROLES = ('ALL')"],
        ["ALTER USER {dbt} SET DEFAULT_SECONDARY_ROLES = ()"],
        {
            "secondary roles: transformer",
            "secondary roles: reader",
            "RAW: read by the reader",
            "schemas of the reader",
            "MART: written by the reader",
        },
        "ALTER USER {dbt} SET DEFAULT_SECONDARY_ROLES = ();",
    ),
    "dbt's user lives elsewhere": Broken(
        ["ALTER USER {dbt} SET TIMEZONE = 'America/Los_Angeles'"],
        ["ALTER USER {dbt} SET TIMEZONE = 'UTC'"],
        {"parameters of dbt's user"},
        "ALTER USER {dbt} SET TIMEZONE = 'UTC';",
    ),
    "the stage is not the loader's": revoked(
        "USAGE", "STAGE {stage}", "{loader}", "stage: inventory/", *COPIES, HISTORY, advice="GRANT USAGE ON STAGE"
    ),
    "the integration is not the loader's": revoked(
        "USAGE", "INTEGRATION {integration}", "{loader}", "stage: inventory/", *COPIES, HISTORY
    ),
    "the integration is off": Broken(
        ["ALTER STORAGE INTEGRATION {integration} SET ENABLED = FALSE"],
        ["ALTER STORAGE INTEGRATION {integration} SET ENABLED = TRUE"],
        {"stage: inventory/", *COPIES, HISTORY},
        "STORAGE_ALLOWED_LOCATIONS",
    ),
    **{
        f"the integration's role sees the whole bucket, and {blocked} alone is blocked": Broken(
            [
                "ALTER STORAGE INTEGRATION {integration} SET "
                f"STORAGE_BLOCKED_LOCATIONS = ('s3://{{bucket}}/{blocked}/') "
                "STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::443414059898:role/administrator'"
            ],
            [
                "ALTER STORAGE INTEGRATION {integration} SET STORAGE_BLOCKED_LOCATIONS = ('s3://{bucket}/_keys/', "
                "'s3://{bucket}/_log/', 's3://{bucket}/_quarantine/', 's3://{bucket}/_runs/', 's3://{bucket}/_ops/', "
                "'s3://{bucket}/_built/') "
                "STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::443414059898:role/dp-mailblaze-demo-dev-snowflake-storage'"
            ],
            {
                "stage: the rest of the bucket",
                *(f"stage: {prefix}/" for prefix in CLOSED if prefix != blocked),
            },
            "STORAGE_BLOCKED_LOCATIONS",
        )
        for blocked in ("_quarantine", "_log")
    },
    **{
        f"the stage is the {role}'s too": Broken(
            [
                f"GRANT USAGE ON STAGE {{stage}} TO ROLE {{{role}}}",
                f"GRANT USAGE ON INTEGRATION {{integration}} TO ROLE {{{role}}}",
                *more,
            ],
            [
                f"REVOKE USAGE ON STAGE {{stage}} FROM ROLE {{{role}}}",
                f"REVOKE USAGE ON INTEGRATION {{integration}} FROM ROLE {{{role}}}",
                *back,
            ],
            {f"stage: {role}", *others},
            f"FROM ROLE {{{role}}};",
        )
        for role, more, back, others in (
            ("transformer", [], [], set()),
            (
                "reader",
                ["GRANT USAGE ON SCHEMA {raw} TO ROLE {reader}"],
                ["REVOKE USAGE ON SCHEMA {raw} FROM ROLE {reader}"],
                {"schemas of the reader"},
            ),
        )
    },
    "the transformer does not read new tables of RAW": revoked(
        "SELECT", "FUTURE TABLES IN SCHEMA {raw}", "{transformer}", "RAW: a new table, read by the transformer"
    ),
    "the transformer does not see RAW": revoked(
        "USAGE",
        "SCHEMA {raw}",
        "{transformer}",
        "RAW: a new table, read by the transformer",
        "schemas of the transformer",
    ),
    "the transformer writes RAW": granted(
        "INSERT",
        "FUTURE TABLES IN SCHEMA {raw}",
        "{transformer}",
        "RAW: written by the transformer",
        advice="REVOKE INSERT ON FUTURE TABLES",
    ),
    "the reader reads RAW": Broken(
        [
            "GRANT USAGE ON SCHEMA {raw} TO ROLE {reader}",
            "GRANT SELECT ON FUTURE TABLES IN SCHEMA {raw} TO ROLE {reader}",
        ],
        [
            "REVOKE USAGE ON SCHEMA {raw} FROM ROLE {reader}",
            "REVOKE SELECT ON FUTURE TABLES IN SCHEMA {raw} FROM ROLE {reader}",
        ],
        {"RAW: read by the reader", "schemas of the reader"},
        "REVOKE USAGE ON SCHEMA {raw} FROM ROLE {reader};",
    ),
    "the loader sees the marts": granted(
        "USAGE",
        "SCHEMA {mart}",
        "{loader}",
        "schemas of the loader",
        advice="REVOKE ALL PRIVILEGES ON SCHEMA {mart} FROM ROLE {loader};",
    ),
    "the transformer makes no tables in STAGING": revoked(
        "CREATE TABLE", "SCHEMA {db}.STAGING", "{transformer}", "STAGING: a new table and view"
    ),
    "the transformer makes no tables in INTERMEDIATE": revoked(
        "CREATE TABLE", "SCHEMA {db}.INTERMEDIATE", "{transformer}", "INTERMEDIATE: a new table and view"
    ),
    "the transformer makes no views in MART": revoked(
        "CREATE VIEW",
        "SCHEMA {mart}",
        "{transformer}",
        "MART: a new table and view",
        "MART: a new view, read by the reader",
        "masking in a view",
    ),
    "the transformer makes no views in SNAPSHOTS": revoked(
        "CREATE VIEW", "SCHEMA {db}.SNAPSHOTS", "{transformer}", "SNAPSHOTS: a new table and view"
    ),
    "the reader does not read new tables of MART": revoked(
        "SELECT", "FUTURE TABLES IN SCHEMA {mart}", "{reader}", "MART: a new table, read by the reader"
    ),
    "the reader does not read new views of MART": revoked(
        "SELECT",
        "FUTURE VIEWS IN SCHEMA {mart}",
        "{reader}",
        "MART: a new view, read by the reader",
        "masking in a view",
    ),
    "the reader does not see MART": revoked(
        "USAGE",
        "SCHEMA {mart}",
        "{reader}",
        "schemas of the reader",
        "MART: a new table, read by the reader",
        "MART: a new view, read by the reader",
        "masking in a view",
    ),
    "the reader writes MART": granted(
        "INSERT",
        "FUTURE TABLES IN SCHEMA {mart}",
        "{reader}",
        "MART: written by the reader",
        advice="REVOKE INSERT ON FUTURE TABLES",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_alone_with_what_mends_it(patient: Patient, name: str) -> None:
    broken = BROKEN[name]
    with patient.broken(broken.breaking, broken.mending):
        found = patient.examined(claims=False)

    assert faults(found) == broken.faults, shown(found)
    assert any(
        patient.filled(broken.advice) in f"{found[check].advice}{found[check].seen}" for check in broken.faults
    ), shown(found)


def test_a_role_that_may_use_no_warehouse_is_told_so_in_each_check_that_needs_one(patient: Patient) -> None:
    grant = "GRANT USAGE ON WAREHOUSE {bi_wh} TO ROLE {reader}"
    with patient.broken(["REVOKE USAGE ON WAREHOUSE {bi_wh} FROM ROLE {reader}"], [grant]):
        found = patient.examined(claims=False)

    by_reader = {"login: reader", "MART: a new table, read by the reader"}
    assert by_reader <= faults(found)
    assert {found[name].advice.partition(";")[0] for name in ("login: reader", "warehouse bi: monitor")} == {
        patient.filled(grant)
    }
    assert not [name for name in faults(found) if "COPY" in name or "loader" in name]


def test_a_loader_that_makes_no_tables_is_named_first(patient: Patient) -> None:
    grant = "GRANT CREATE TABLE ON SCHEMA {raw} TO ROLE {loader}"
    with patient.broken(["REVOKE CREATE TABLE ON SCHEMA {raw} FROM ROLE {loader}"], [grant]):
        found = patient.examined()

    assert next(iter(name for name, finding in found.items() if finding.ok is False)) == "RAW: a new table"
    assert found["RAW: a new table"].advice == f"{patient.filled(grant)};"
    assert not faults(found) & {"login: loader", "stage: inventory/", "MART: a new table and view", "casts of times"}


def test_each_setting_of_each_warehouse_is_looked_at(patient: Patient) -> None:
    names = ("{load_wh}", "{transform_wh}", "{bi_wh}")
    bad = "GENERATION = '2' ENABLE_QUERY_ACCELERATION = TRUE AUTO_SUSPEND = 0 RESOURCE_MONITOR = NULL"
    good = (
        "GENERATION = '1' ENABLE_QUERY_ACCELERATION = FALSE AUTO_SUSPEND = 60 AUTO_RESUME = TRUE "
        "RESOURCE_MONITOR = DP_MAILBLAZE_DEMO_DEV_MONITOR"
    )
    mending = [f"ALTER WAREHOUSE {name} SET {good}" for name in names]
    with patient.broken([f"ALTER WAREHOUSE {name} SET {bad}" for name in names], mending):
        found = patient.examined(claims=False)
        as_wanted = patient.examined(claims=False, generation="2")

    assert faults(found) == {f"warehouse {which}: {kind}" for which in WAREHOUSES for kind in KINDS}
    assert "GENERATION = '1'" in found["warehouse load: generation"].advice
    assert found["warehouse bi: suspend"].seen == "never"
    assert not [name for name in faults(as_wanted) if "generation" in name]


def test_a_table_of_another_owner_and_tables_that_are_hidden_are_named(patient: Patient) -> None:
    patient.make_table("warehouses")
    breaking = [
        "CREATE TABLE RAW.BY_HAND (A NUMBER)",
        "REVOKE SELECT ON TABLE RAW.WAREHOUSES FROM ROLE {transformer}",
        "CREATE TABLE MART.HIDDEN (A NUMBER)",
        "REVOKE SELECT ON TABLE MART.HIDDEN FROM ROLE {reader}",
        "GRANT SELECT ON TABLE MART.HIDDEN TO ROLE {transformer}",
    ]
    with patient.broken(breaking, ["DROP TABLE RAW.BY_HAND", "DROP TABLE RAW.WAREHOUSES", "DROP TABLE MART.HIDDEN"]):
        found = patient.examined(claims=False)

    assert faults(found) == {
        "RAW: owner of its tables",
        "RAW: its tables, read by the transformer",
        "MART: its tables and views, read by the reader",
    }, shown(found)
    assert found["RAW: owner of its tables"].seen == "BY_HAND of ACCOUNTADMIN"
    assert "COPY CURRENT GRANTS" in found["RAW: owner of its tables"].advice
    assert found["MART: its tables and views, read by the reader"].seen == "not HIDDEN"


def test_personal_data_that_is_masked_for_those_who_build_on_it_is_named(patient: Patient) -> None:
    patient.make_table("customers")
    masked = (
        "INSERT INTO RAW.CUSTOMERS (CUSTOMER_ID, EMAIL, _BATCH_ID, _LOG_VERSION, _ROW_NUMBER, _EXTRACTED_AT) "
        "SELECT 1, '********', 'b', 1, 1, CURRENT_TIMESTAMP()"
    )
    with patient.broken([masked], ["DROP TABLE RAW.CUSTOMERS"]):
        found = patient.examined(claims=False)

    assert faults(found) == {"personal data in RAW"}, shown(found)
    assert "masking policy" in found["personal data in RAW"].advice
