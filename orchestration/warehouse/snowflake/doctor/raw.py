"""Checks of RAW: the loader's tables, which only the transformer may read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ingest.contracts.types import TEXT
from ingest.findings import Check, NotSeenError, Seen, wrong
from orchestration.warehouse.ddl import Table, TableColumn, data_table, stream_tables
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE
from orchestration.warehouse.snowflake.doctor.account import SCRATCH_PREFIX, Account, Role, refusal

_COLUMNS = (TableColumn("NAME", TEXT),)
_MASK = "********"
"""What masking policies and views show in place of a text: terraform/modules/warehouse/masking.tf."""
_ROWS_LOOKED_AT = 1000


def checks(account: Account) -> Iterator[Check]:
    """Yield all checks of RAW."""
    yield Check("RAW: owner of its tables", f"{account.settings.loader_role}", partial(_owners, account))
    yield Check("RAW: a new table", "made and dropped by the loader", partial(_made, account))
    yield Check(
        "RAW: a new table, read by the transformer", "by the future grant", partial(_read_by_transformer, account)
    )
    yield Check("RAW: its tables, read by the transformer", "all of them", partial(_all_read, account))
    yield Check("RAW: written by the transformer", "refused", partial(_not_written, account))
    yield Check("RAW: read by the reader", "refused", partial(_not_read, account))
    yield Check(
        "schemas of the loader", account.schemas.raw, partial(_schemas, account, Role.LOADER, account.schemas.raw)
    )
    yield Check("personal data in RAW", "seen by loader and transformer as it is", partial(_personal, account))


def _owners(account: Account) -> Seen:
    """Check the tables' owners with loader and transformer, because a table is hidden from a role without
    rights on it.
    """
    owners: dict[str, str] = {}
    for role in (Role.LOADER, Role.TRANSFORMER):
        rows = account.session(role).query(
            "SELECT table_name, table_owner FROM information_schema.tables WHERE table_schema = ? AND table_type = ?",
            [account.schemas.raw.upper(), "BASE TABLE"],
        )
        owners |= {str(name): str(owner) for name, owner in rows if not str(name).startswith(SCRATCH_PREFIX)}
    wanted = account.settings.loader_role.upper()
    others = {name: owner for name, owner in sorted(owners.items()) if owner.upper() != wanted}
    if others:
        some = ", ".join(f"{name} of {owner}" for name, owner in list(others.items())[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        table = f"{account.database}.{account.schemas.raw}.{next(iter(others))}"
        return wrong(
            f"{some}{more}", f"GRANT OWNERSHIP ON TABLE {table} TO ROLE {wanted} COPY CURRENT GRANTS; and so on."
        )
    return Seen(f"of all {len(owners)}" if owners else "there is none yet: the first load makes them")


def _made(account: Account) -> Seen:
    with account.scratch_table(Role.LOADER, account.schemas.raw, _COLUMNS):
        return Seen("made and dropped")


def _read_by_transformer(account: Account) -> Seen:
    raw, role = account.in_full(account.schemas.raw), account.settings.transformer_role
    reader = account.session(Role.TRANSFORMER)
    with account.scratch_table(Role.LOADER, account.schemas.raw, _COLUMNS) as table:
        refused = refusal(partial(reader.query, f"SELECT count(*) FROM {SNOWFLAKE.table(table)}"))  # noqa: S608
    if refused is not None:
        return wrong(
            f"refused: {refused.message}",
            f"GRANT SELECT ON FUTURE TABLES IN SCHEMA {raw} TO ROLE {role}; and USAGE ON SCHEMA {raw}.",
        )
    return Seen("read")


def _all_read(account: Account) -> Seen:
    loader, reader = account.session(Role.LOADER), account.session(Role.TRANSFORMER)
    raw = account.schemas.raw
    tables = [
        table for contract in account.contracts for table in stream_tables(contract, raw) if loader.columns(table)
    ]
    hidden = [table.name for table in tables if not reader.columns(table)]
    if hidden:
        return wrong(
            f"not {', '.join(hidden)}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {account.in_full(raw)} TO ROLE {account.settings.transformer_role};",
        )
    if not tables:
        raise NotSeenError("there is none yet", advice="The first load makes them.")
    return Seen(f"all {len(tables)}")


def _not_written(account: Account) -> Seen:
    writer = account.session(Role.TRANSFORMER)
    with account.scratch_table(Role.LOADER, account.schemas.raw, _COLUMNS) as table:
        name = SNOWFLAKE.table(table)
        refused = refusal(partial(writer.execute, f"INSERT INTO {name} (NAME) VALUES (?)", ["doctor"]))  # noqa: S608
    role = account.settings.transformer_role
    if refused is None:
        return wrong("written", f"REVOKE INSERT ON FUTURE TABLES IN SCHEMA {account.schemas.raw} FROM ROLE {role};")
    return Seen("refused")


def _not_read(account: Account) -> Seen:
    reader = account.session(Role.READER)
    with account.scratch_table(Role.LOADER, account.schemas.raw, _COLUMNS) as table:
        refused = refusal(partial(reader.query, f"SELECT count(*) FROM {SNOWFLAKE.table(table)}"))  # noqa: S608
    if refused is None:
        raw, role = account.in_full(account.schemas.raw), account.settings.reader_role
        return wrong("read", f"REVOKE USAGE ON SCHEMA {raw} FROM ROLE {role}; and SELECT on its tables.")
    return Seen("refused")


def _schemas(account: Account, role: Role, *expected: str) -> Seen:
    return schemas_seen(account, role, *expected)


def schemas_seen(account: Account, role: Role, *expected: str) -> Seen:
    """Check that a role sees these of the platform's schemas, and no other."""
    rows = account.session(role).query("SELECT schema_name FROM information_schema.schemata")
    ours = {name.upper() for name in account.schemas.model_dump().values()}
    found = {str(name) for (name,) in rows} & ours
    wanted = {name.upper() for name in expected}
    name = account.logins[role].role
    if extra := found - wanted:
        some = ", ".join(sorted(extra))
        return wrong(
            f"{some} too", f"REVOKE ALL PRIVILEGES ON SCHEMA {account.database}.{min(extra)} FROM ROLE {name};"
        )
    if lacking := wanted - found:
        some = ", ".join(sorted(lacking))
        return wrong(f"not {some}", f"GRANT USAGE ON SCHEMA {account.database}.{min(lacking)} TO ROLE {name};")
    return Seen(", ".join(sorted(found)))


def _personal(account: Account) -> Seen:
    """Check texts that a contract classifies as personal: a policy that names other roles would mask them for ours,
    too.
    """
    looked = 0
    for contract in account.contracts:
        table = data_table(contract, account.schemas.raw)
        present = {name.upper() for name in account.session(Role.LOADER).columns(table)}
        texts = [column.name for column in contract.columns if column.pii and column.landing == TEXT]
        for name in texts:
            if name.upper() not in present:
                continue
            looked += 1
            for role in (Role.LOADER, Role.TRANSFORMER):
                if _is_masked(account, role, table, name):
                    acting = account.logins[role].role
                    return wrong(
                        f"{contract.stream}.{name} is {_MASK} to {acting}",
                        f"Name {acting} in the masking policy's roles: `terraform apply` does. Until then what dbt "
                        "builds is made of asterisks.",
                    )
    if not looked:
        raise NotSeenError("nothing of it is loaded yet")
    return Seen(f"{looked} columns, unmasked")


def _is_masked(account: Account, role: Role, table: Table, column: str) -> bool:
    name = SNOWFLAKE.quote(column)
    [(masked,)] = account.session(role).query(
        f"SELECT count(*) FROM (SELECT {name} AS shown FROM {SNOWFLAKE.table(table)} LIMIT {_ROWS_LOOKED_AT}) "  # noqa: S608
        "WHERE shown = ?",
        [_MASK],
    )
    return bool(int(str(masked)))
