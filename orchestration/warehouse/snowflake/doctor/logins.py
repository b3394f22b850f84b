"""Checks of the logins: their user and role, rights beside the role's, and the session's initial parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from ingest.findings import Check, Seen, wrong
from orchestration.warehouse.snowflake.doctor.account import Account, Role

_OF_DBT = {"TIMEZONE": "UTC", "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ", "TIMESTAMP_INPUT_FORMAT": "AUTO"}
"""What the models take for granted, and dbt's sessions do not say themselves."""


def checks(account: Account) -> Iterator[Check]:
    """Yield all checks of logins."""
    for role, login in account.logins.items():
        expected = f"{login.user} as {login.role} with {login.warehouse} and {account.database}"
        yield Check(f"login: {role}", expected, partial(_login, account, role))
    for role, login in account.logins.items():
        if len(login.keys) > 1:
            yield Check(f"login: second key of the {role}", "accepted too", partial(_second_key, account, role))
    for role in account.logins:
        yield Check(
            f"secondary roles: {role}", "none: a session has its role's rights", partial(_secondary, account, role)
        )
    expected = ", ".join(f"{name} {value}" for name, value in _OF_DBT.items())
    yield Check("parameters of dbt's user", expected, partial(_parameters, account))


def _login(account: Account, role: Role) -> Seen:
    login = account.logins[role]
    session = account.log_in(role)
    [row] = session.query("SELECT current_user(), current_role(), current_warehouse(), current_database()")
    user, acting, warehouse, database = ("" if value is None else str(value) for value in row)
    seen = f"{user} as {acting} with {warehouse or 'no warehouse'} and {database or 'no database'}"
    if warehouse.upper() != login.warehouse.upper():
        return wrong(seen, f"GRANT USAGE ON WAREHOUSE {login.warehouse} TO ROLE {login.role};")
    if database.upper() != account.database.upper():
        return wrong(seen, f"GRANT USAGE ON DATABASE {account.database} TO ROLE {login.role};")
    if acting.upper() != login.role.upper():
        return wrong(seen, f"GRANT ROLE {login.role} TO USER {login.user};")
    return Seen(seen)


def _second_key(account: Account, role: Role) -> Seen:
    login = account.logins[role]
    replace(login, keys=login.keys[1:]).connect().close()
    return Seen("accepted")


def _secondary(account: Account, role: Role) -> Seen:
    [(told,)] = account.session(role).query("SELECT current_secondary_roles()")
    value = json.loads(str(told)).get("value") if told else ""
    if value:
        return wrong(
            f"{value}: a session has the rights of all roles of its user",
            f"ALTER USER {account.logins[role].user} SET DEFAULT_SECONDARY_ROLES = ();",
        )
    return Seen("none")


def _parameters(account: Account) -> Seen:
    with account.apart(Role.TRANSFORMER) as session:
        session.execute("ALTER SESSION UNSET TIMEZONE")  # parameters that our own logins set
        found = {}
        for name in _OF_DBT:
            rows = session.query(f"SHOW PARAMETERS LIKE '{name}' IN SESSION")
            found[name] = str(rows[0][1]) if rows else "not told"
    others = {name: value for name, value in found.items() if value.upper() != _OF_DBT[name]}
    if others:
        user = account.logins[Role.TRANSFORMER].user
        wanted = ", ".join(f"{name} = '{_OF_DBT[name]}'" for name in others)
        return wrong(", ".join(f"{name} {value}" for name, value in others.items()), f"ALTER USER {user} SET {wanted};")
    return Seen("as expected")
