"""Checks of the schemas behind RAW: dbt can build, and readers see only the marts, by future grants, masked for their
role.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ingest.contracts.types import TEXT
from ingest.findings import Check, NotSeenError, Seen, wrong
from orchestration.warehouse.ddl import TableColumn
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE
from orchestration.warehouse.snowflake.doctor.account import SCRATCH_PREFIX, Account, Role, refusal
from orchestration.warehouse.snowflake.doctor.raw import schemas_seen

_COLUMNS = (TableColumn("NAME", TEXT),)


def checks(account: Account) -> Iterator[Check]:
    """Yield all checks of staging and marts."""
    schemas = account.schemas
    built = (schemas.staging, schemas.intermediate, schemas.mart, schemas.snapshots)
    for schema in built:
        yield Check(f"{schema}: a new table and view", "made by the transformer", partial(_made, account, schema))
    yield Check(
        "schemas of the transformer", "all", partial(schemas_seen, account, Role.TRANSFORMER, schemas.raw, *built)
    )
    yield Check("schemas of the reader", schemas.mart, partial(schemas_seen, account, Role.READER, schemas.mart))
    yield Check("MART: a new table, read by the reader", "by the future grant", partial(_table_read, account))
    yield Check("MART: a new view, read by the reader", "by the future grant", partial(_view_read, account))
    yield Check("MART: its tables and views, read by the reader", "all of them", partial(_all_read, account))
    yield Check("MART: written by the reader", "refused", partial(_not_written, account))
    yield Check(
        "masking in a view",
        "by the role that asks: the transformer sees, the reader does not",
        partial(_masked, account),
    )


def _made(account: Account, schema: str) -> Seen:
    with (
        account.scratch_table(Role.TRANSFORMER, schema, _COLUMNS) as table,
        account.scratch_view(Role.TRANSFORMER, schema, f"SELECT NAME FROM {SNOWFLAKE.table(table)}"),  # noqa: S608
    ):
        return Seen("made and dropped")


def _table_read(account: Account) -> Seen:
    with account.scratch_table(Role.TRANSFORMER, account.schemas.mart, _COLUMNS) as table:
        return _read(account, SNOWFLAKE.table(table), "TABLES")


def _view_read(account: Account) -> Seen:
    with account.scratch_view(Role.TRANSFORMER, account.schemas.mart, "SELECT 1 AS one") as view:
        return _read(account, view, "VIEWS")


def _read(account: Account, name: str, kind: str) -> Seen:
    reader = account.session(Role.READER)
    refused = refusal(partial(reader.query, f"SELECT count(*) FROM {name}"))  # noqa: S608
    if refused is not None:
        return wrong(
            f"refused: {refused.message}",
            f"GRANT SELECT ON FUTURE {kind} IN SCHEMA {account.database}.{account.schemas.mart} TO ROLE "
            f"{account.settings.reader_role};",
        )
    return Seen("read")


def _all_read(account: Account) -> Seen:
    built, shown = (
        {
            str(name)
            for (name,) in account.session(role).query(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = ?",
                [account.schemas.mart.upper()],
            )
            if not str(name).startswith(SCRATCH_PREFIX)
        }
        for role in (Role.TRANSFORMER, Role.READER)
    )
    if not built:
        raise NotSeenError("there is none yet", advice="The first run of the flow builds them.")
    if hidden := sorted(built - shown):
        mart, role = f"{account.database}.{account.schemas.mart}", account.settings.reader_role
        return wrong(
            f"not {', '.join(hidden)}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {mart} TO ROLE {role}; and ON ALL VIEWS.",
        )
    return Seen(f"all {len(built)}")


def _not_written(account: Account) -> Seen:
    reader, role = account.session(Role.READER), account.settings.reader_role
    with account.scratch_table(Role.TRANSFORMER, account.schemas.mart, _COLUMNS) as table:
        name = SNOWFLAKE.table(table)
        if refusal(partial(reader.execute, f"INSERT INTO {name} (NAME) VALUES (?)", ["doctor"])) is None:  # noqa: S608
            return wrong(
                "written", f"REVOKE INSERT ON FUTURE TABLES IN SCHEMA {account.schemas.mart} FROM ROLE {role};"
            )
        if refusal(partial(reader.execute, f"DROP TABLE {name}")) is None:
            return wrong(
                "dropped", f"REVOKE OWNERSHIP ON ALL TABLES IN SCHEMA {account.schemas.mart} FROM ROLE {role};"
            )
    return Seen("refused")


def _masked(account: Account) -> Seen:
    """Check the masking of personal columns as staging does it: `dbt/macros/dialect/personal.sql`."""
    transformer = account.settings.transformer_role.upper()
    query = f"SELECT CASE WHEN current_role() = '{transformer}' THEN 'seen' ELSE '********' END AS shown"
    with account.scratch_view(Role.TRANSFORMER, account.schemas.mart, query) as view:
        shown = {}
        for role in (Role.TRANSFORMER, Role.READER):
            [(value,)] = account.session(role).query(f"SELECT shown FROM {view}")  # noqa: S608
            shown[role] = str(value)
    seen = ", ".join(f"{role}: {value}" for role, value in shown.items())
    if shown[Role.READER] == "seen":
        return wrong(seen, "CURRENT_ROLE() in a view is not the asking role here: readers would see what is masked.")
    if shown[Role.TRANSFORMER] != "seen":
        return wrong(seen, "CURRENT_ROLE() is not the transformer's role: what dbt builds is made of asterisks.")
    return Seen(seen)
