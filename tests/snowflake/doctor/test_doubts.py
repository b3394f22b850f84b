"""Snowflake behaves in another way than we assume: the doctor detects every doubt that no documentation settles."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestration.warehouse.snowflake.doctor import times
from tests.snowflake.doctor.patient import Patient, faults, shown
from tests.snowflake.doctor.test_broken import BROKEN, KINDS, WAREHOUSES

HERE = Path(__file__).parent


def test_every_check_has_a_test_that_makes_it_fail(patient: Patient) -> None:
    by_name = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    broken = set().union(*(each.faults for each in BROKEN.values()))
    settings = {f"warehouse {which}: {kind}" for which in WAREHOUSES for kind in KINDS}

    untried = {name for name in patient.all_checks() if name not in broken | settings and f'"{name}"' not in by_name}

    # These two mend, and have nothing to find wrong.
    assert untried <= {"left by a doctor before: loader", "left by a doctor before: transformer"}


def test_what_copy_history_claims_and_views_may_do_otherwise_is_found(patient: Patient) -> None:
    doubts = ("COPY_ROUNDS", "COPY_REFUSES_EMPTY_TEXT", "HISTORY_KEEPS_ROLLED_BACK", "VIEWS_ASK_AS_OWNER")
    with patient.in_doubt("UPDATES_CONFLICT_AT_ONCE", *doubts):
        found = patient.examined()

    assert faults(found) == {
        "COPY: a number that would be rounded",
        "COPY: an empty text",
        "COPY_HISTORY",
        "claim: two sessions on one",
        "masking in a view",
    }, shown(found)
    assert found["COPY: a number that would be rounded"].seen == "1.005 became 1.01 in a NUMBER(10,2)"
    assert "Empty column value" in found["COPY: an empty text"].seen
    assert found["claim: two sessions on one"].seen == "refused after 0 s"
    assert "readers would see" in found["masking in a view"].advice


def test_a_text_that_is_altered_a_history_that_is_late_and_a_lock_without_timeout_are_found(patient: Patient) -> None:
    with patient.in_doubt("COPY_NULLS_EMPTY_TEXT", "HISTORY_IS_LATE", "LOCK_TIMEOUT_IGNORED"):
        found = patient.examined()

    assert faults(found) == {"COPY: an empty text", "claim: two sessions on one"}, shown(found)
    assert "(None, None," in found["COPY: an empty text"].seen
    assert "waited beyond LOCK_TIMEOUT" in found["claim: two sessions on one"].seen
    assert found["COPY_HISTORY"].ok is None  # it may come


def test_claims_that_wait_for_others_locks_that_stay_and_times_that_are_altered_are_found(patient: Patient) -> None:
    with patient.in_doubt(
        "UPDATES_LOCK_THE_SCHEMA", "ROLLBACK_KEEPS_LOCKS", "COPY_CUTS_TIMES", "BOUND_TIMES_LOSE_THEIR_ZONE"
    ):
        found = patient.examined()

    assert faults(found) == {
        "claim: two sessions on two",
        "claim: after ROLLBACK",
        "COPY: times",
        "times that are bound",
    }, shown(found)
    assert "LOAD_CONCURRENCY=1" in found["claim: two sessions on two"].advice
    assert "ROLLBACK gives no lock back" in found["claim: after ROLLBACK"].advice
    assert "10:00:00.123000" in found["COPY: times"].seen
    assert "do not load" in found["times that are bound"].advice


def test_a_copy_that_commits_by_itself_is_found_and_its_rows_do_not_last(patient: Patient) -> None:
    with patient.in_doubt("COPY_COMMITS"):
        found = patient.examined(claims=False)
        names = patient.account.rows("SELECT table_name FROM information_schema.tables")

    assert {"COPY: a landed file", "COPY_HISTORY"} <= faults(found), shown(found)
    assert "2 after ROLLBACK" in found["COPY: a landed file"].seen
    assert not [name for (name,) in names if str(name).startswith("__DOCTOR")]


def test_an_answer_of_another_form_is_found(patient: Patient) -> None:
    with patient.in_doubt("COPY_ANSWERS_IN_SHORT"):
        found = patient.examined(claims=False)

    assert found["COPY: a landed file"].ok is False
    assert "1 files were loaded" in found["COPY: a landed file"].seen
    assert "snowflake/copy.py" in found["COPY: a landed file"].advice


def test_a_cast_that_means_something_else_and_a_clock_that_is_off_are_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ("cast('2026-07-01 10:00:00' as timestamp_ntz)", "2026-07-01 12:00:00")
    monkeypatch.setattr(times, "CASTS", (*times.CASTS, other))
    monkeypatch.setattr("ingest.doctor.clocks.ALLOWED", timedelta(seconds=-1))

    found = patient.examined(claims=False)

    assert faults(found) == {"casts of times", "clock of the account"}
    assert "as timestamp_ntz) is 2026-07-01 10:00:00" in found["casts of times"].seen
