"""A writer suspends the warehouses that it used, because an idle warehouse is billed until it suspends itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from ingest.errors import ConflictError
from orchestration.settings import Schemas
from orchestration.warehouse.protocol import Purpose
from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse
from tests.snowflake.account import USERS_ACCOUNT, Account, connect

AT_ONCE = timedelta(0)

pytestmark = [
    pytest.mark.usefixtures("emulated"),
    pytest.mark.skipif(
        "SNOWFLAKE_HOST" in USERS_ACCOUNT, reason="an emulator of the user's own may have no warehouses"
    ),
]


def states(account: Account) -> Mapping[str, str]:
    """Return whether each warehouse of the account runs, by its workload."""
    settings = account.settings
    workloads = {
        settings.load_warehouse: "load",
        settings.transform_warehouse: "transform",
        settings.bi_warehouse: "bi",
    }
    with closing(connect(account.environment)) as owner:
        rows = owner.cursor().execute("SHOW WAREHOUSES").fetchall()
    return {workloads[name]: state for name, state, *_ in rows if name in workloads}


def work(account: Account) -> None:
    """Run a statement on each warehouse of the pipeline."""
    for purpose in (Purpose.LOAD, Purpose.AUDIT):
        with account.warehouse().connect(purpose) as session:
            session.query("SELECT count(*) FROM RAW._LOCKS")


def test_the_warehouses_are_suspended_once_the_writer_is_done(account: Account) -> None:
    with account.warehouse().lock("first", wait=AT_ONCE):
        work(account)
        assert {states(account)[workload] for workload in ("load", "transform")} == {"STARTED"}
        with pytest.raises(ConflictError), account.warehouse("second").lock("second", wait=AT_ONCE):
            pytest.fail("two writers at once")
        assert states(account)["transform"] == "STARTED", "the one that was refused suspends nothing of another's"
    assert {states(account)[workload] for workload in ("load", "transform")} == {"SUSPENDED"}

    with capture_logs() as logs, account.warehouse().lock("next", wait=AT_ONCE):
        assert states(account)["transform"] == "SUSPENDED"
    assert logs == [], "what is suspended already needs no warning"


def test_a_run_that_fails_suspends_them_too(account: Account) -> None:
    def fail() -> None:
        with account.warehouse().lock("fails", wait=AT_ONCE):
            work(account)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {states(account)[workload] for workload in ("load", "transform")} == {"SUSPENDED"}


def test_one_that_may_not_says_which_right_is_missing_and_fails_nothing(account: Account) -> None:
    settings = account.settings
    right = f"OPERATE ON WAREHOUSE {settings.load_warehouse}"
    account.run(f"REVOKE {right} FROM ROLE {settings.loader_role}")
    try:
        with capture_logs() as logs, account.warehouse().lock("first", wait=AT_ONCE):
            work(account)
    finally:
        account.run(f"GRANT {right} TO ROLE {settings.loader_role}")
    [warning] = logs
    assert (warning["log_level"], warning["warehouse"]) == ("warning", settings.load_warehouse)
    assert warning["hint"] == f"GRANT {right} TO ROLE {settings.loader_role};"
    assert states(account)["load"] == "STARTED"
    assert states(account)["transform"] == "SUSPENDED"


@pytest.mark.parametrize("change", ["off", "the readers'"])
def test_what_is_not_the_pipeline_s_own_is_left_running(account: Account, change: str) -> None:
    settings = account.settings
    update = (
        {"suspend_warehouses": False}
        if change == "off"
        else {"load_warehouse": settings.transform_warehouse, "bi_warehouse": settings.transform_warehouse}
    )
    if change != "off":
        account.run(f"GRANT USAGE ON WAREHOUSE {settings.transform_warehouse} TO ROLE {settings.loader_role}")
    changed = SnowflakeWarehouse(settings.model_copy(update=update), account.database, Schemas(), run_id="first")
    with changed.lock("first", wait=AT_ONCE):
        work(account)
    assert states(account)["transform"] == "STARTED"


def test_one_warehouse_for_both_is_suspended_by_the_loader(account: Account) -> None:
    settings = account.settings
    shared = settings.transform_warehouse
    account.run(f"GRANT USAGE, OPERATE ON WAREHOUSE {shared} TO ROLE {settings.loader_role}")
    one = SnowflakeWarehouse(
        settings.model_copy(update={"load_warehouse": shared}), account.database, Schemas(), run_id="first"
    )
    with capture_logs() as logs, one.lock("first", wait=AT_ONCE):
        work(account)
    assert logs == []
    assert states(account)["transform"] == "SUSPENDED"
