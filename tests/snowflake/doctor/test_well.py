"""An account as Terraform makes it passes, before and after the first load, and the doctor leaves it unchanged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from ingest.contracts.registry import ContractRegistry
from orchestration.warehouse.loader import Loader, load_streams
from orchestration.warehouse.snowflake.doctor import leftovers
from tests.snowflake.doctor.patient import Patient, faults, shown
from tests.snowflake.keys import key_pair


def objects_of(patient: Patient) -> list[str]:
    rows = patient.account.rows("SELECT table_schema || '.' || table_name FROM information_schema.tables")
    return sorted(str(name) for (name,) in rows if "INFORMATION_SCHEMA" not in str(name))


def statements_of(patient: Patient) -> int:
    [(count,)] = patient.account.rows(
        "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))"
    )
    return int(count)


MOST_STATEMENTS = 200
"""One after another, half a second each in an account far away: docs/SNOWFLAKE.md says that it takes two minutes."""


def test_an_account_as_terraform_makes_it_is_well(patient: Patient) -> None:
    before = objects_of(patient), [item.key for item in patient.account.store.list("")]
    earlier = statements_of(patient)
    found = patient.examined()
    assert statements_of(patient) - earlier < MOST_STATEMENTS

    assert faults(found) == set(), shown(found)
    assert {name for name, finding in found.items() if finding.ok is None} == {
        "RAW: its tables, read by the transformer",
        "personal data in RAW",
        "MART: its tables and views, read by the reader",
    }
    assert found["COPY: a landed file"].seen.endswith("2 rows told, 2 seen, 0 after ROLLBACK")
    assert before == (objects_of(patient), [item.key for item in patient.account.store.list("")])


def test_what_has_been_loaded_is_looked_at_too(patient: Patient) -> None:
    with patient.account.warehouse("run").connect() as session:
        loader = Loader(patient.account.store, "RAW", run_id="run")
        load_streams(loader, session, list(patient.contracts), concurrency=1)
    patient.account.run("USE ROLE " + patient.settings.transformer_role, "CREATE TABLE MART.DIM_THING (ID NUMBER)")

    found = patient.examined(claims=False)
    patient.account.run("DROP TABLE MART.DIM_THING")

    assert faults(found) == set(), shown(found)
    assert found["RAW: owner of its tables"].seen.startswith("of all ")
    assert found["RAW: its tables, read by the transformer"].seen.startswith("all ")
    assert found["MART: its tables and views, read by the reader"].seen == "all 1"
    assert found["personal data in RAW"].seen.endswith("columns, unmasked")


def test_what_a_killed_doctor_has_left_is_dropped_once_it_is_old(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with patient.account.warehouse().connect() as session:
        session.execute("CREATE TABLE RAW.__DOCTOR_LEFT (A NUMBER)")
        session.execute("CREATE TABLE RAW._CLAIM___DOCTOR_LEFT (A NUMBER)")
    young = patient.examined(claims=False)["left by a doctor before: loader"]
    monkeypatch.setattr(leftovers, "OLD", timedelta(0))
    old = patient.examined(claims=False)["left by a doctor before: loader"]

    assert (young.seen, young.ok) == ("nothing", True)
    assert (sorted(old.seen.removeprefix("dropped ").split(", ")), old.ok) == (
        ["_CLAIM___DOCTOR_LEFT", "__DOCTOR_LEFT"],
        True,
    )
    assert not [name for name in objects_of(patient) if "DOCTOR" in name]


def test_both_keys_of_a_rotation_are_looked_at(patient: Patient) -> None:
    found = patient.examined(claims=False, private_key_2=SecretStr(key_pair("third").private))

    assert faults(found) == {"login: second key of the loader"}
    assert "RSA_PUBLIC_KEY_2" in found["login: second key of the loader"].advice


def test_a_lake_without_files_leaves_what_needs_one_open(patient: Patient) -> None:
    other_streams = Patient(patient.account, patient.settings, ContractRegistry.load().select(["campaigns"]))

    found = other_streams.examined(claims=False)

    assert faults(found) == set()
    assert found["COPY: a landed file"].ok is None
    assert "ingest run" in found["COPY: a landed file"].advice
