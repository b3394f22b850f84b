"""Checks of the three warehouses: the price of an hour, and the limits that stop them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from ingest.findings import Check, Seen, wrong
from orchestration.warehouse.snowflake.doctor.account import Account, Role

LONGEST_SUSPEND = 600
_WHOSE = {Role.LOADER: "load", Role.TRANSFORMER: "transform", Role.READER: "bi"}
_GENERATIONS = {"STANDARD_GEN_1": "1", "STANDARD_GEN_2": "2"}

_Judge = Callable[[str, Mapping[str, str]], Seen]


def checks(account: Account, *, generation: str) -> Iterator[Check]:
    """Yield all checks of the warehouses. `generation` is the wanted generation."""
    kinds: tuple[tuple[str, str, _Judge], ...] = (
        ("generation", f"{generation}, as COST.md reckons", partial(_generation, generation)),
        ("acceleration", "off: serverless, beside the warehouse's own credits", _acceleration),
        ("suspend", f"after 1 to {LONGEST_SUSPEND} s, and resumed by itself", _suspend),
        ("monitor", "a resource monitor, which stops it at its quota", _monitor),
    )
    for role, workload in _WHOSE.items():
        for what, expected, judge in kinds:
            yield Check(f"warehouse {workload}: {what}", expected, partial(_look, account, role, judge))


def _look(account: Account, role: Role, judge: _Judge) -> Seen:
    name = account.logins[role].warehouse
    rows = account.session(role).records(f"SHOW WAREHOUSES LIKE '{name}'")
    found = next((row for row in rows if str(row.get("name")).upper() == name.upper()), None)
    if found is None:
        return wrong(
            f"there is no {name} that {account.logins[role].role} may use",
            f"GRANT USAGE ON WAREHOUSE {name} TO ROLE {account.logins[role].role};",
        )
    return judge(name, {key: "" if value is None else str(value) for key, value in found.items()})


def _generation(wanted: str, name: str, row: Mapping[str, str]) -> Seen:
    constraint = row.get("resource_constraint", "")
    found = row.get("generation") or _GENERATIONS.get(constraint, "") or constraint
    if not found:
        return Seen("not told: of the first generation, where the account has but one")
    if found != wanted:
        return wrong(
            found,
            f"ALTER WAREHOUSE {name} SET GENERATION = '{wanted}'; or --generation {found}: an hour of the second costs "
            "1.35 credits on AWS where one of the first costs 1.",
        )
    return Seen(found)


def _acceleration(name: str, row: Mapping[str, str]) -> Seen:
    if row.get("enable_query_acceleration", "false").lower() == "true":
        return wrong("on", f"ALTER WAREHOUSE {name} SET ENABLE_QUERY_ACCELERATION = FALSE;")
    return Seen("off")


def _suspend(name: str, row: Mapping[str, str]) -> Seen:
    seconds = row.get("auto_suspend", "")
    if not seconds.isdigit() or not 1 <= int(seconds) <= LONGEST_SUSPEND:
        seen = f"after {seconds} s" if seconds.isdigit() and int(seconds) else "never"
        return wrong(seen, f"ALTER WAREHOUSE {name} SET AUTO_SUSPEND = 60;")
    if row.get("auto_resume", "true").lower() != "true":
        return wrong("not resumed by itself", f"ALTER WAREHOUSE {name} SET AUTO_RESUME = TRUE;")
    return Seen(f"after {seconds} s")


def _monitor(name: str, row: Mapping[str, str]) -> Seen:
    monitor = row.get("resource_monitor", "")
    if monitor.lower() in ("", "null"):
        return wrong(
            "none, or none that is shown to this role",
            f"`terraform apply` makes one. ACCOUNTADMIN sees it (SHOW WAREHOUSES LIKE '{name}'); where there is none: "
            f"ALTER WAREHOUSE {name} SET RESOURCE_MONITOR = ...;",
        )
    return Seen(monitor)
