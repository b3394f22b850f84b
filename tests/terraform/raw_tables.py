"""RAW's tables as Terraform makes them and as the loader wants them, in one form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.contracts.model import StreamContract
from orchestration.warehouse import ddl
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE, declared_type
from tests.terraform.runner import Terraform

FOLDER = "terraform/modules/warehouse/tables"


@dataclass(frozen=True)
class Column:
    """A column. Its type is spelled as in Snowflake's catalog, without Snowflake's default length."""

    name: str
    type: str
    nullable: bool


Tables = dict[str, list[Column]]


def made_by_terraform(terraform: Terraform, contracts: Path) -> Tables:
    """Return the tables that the module `tables` computes. It needs no provider."""
    state = contracts / "tables.tfstate"
    terraform.init(FOLDER, "-backend=false")
    terraform.succeed(FOLDER, "apply", "-auto-approve", f"-var=contracts_dir={contracts}", f"-state={state}")
    tables = json.loads(terraform.succeed(FOLDER, "output", "-json", f"-state={state}", "tables"))
    return {
        name: [Column(column["name"], declared_type(column["type"]), column["nullable"]) for column in table["columns"]]
        for name, table in tables.items()
    }


def wanted_by_the_loader(contracts: Mapping[str, StreamContract]) -> Tables:
    """Return the tables of `orchestration/warehouse/ddl.py`, in Snowflake's types."""
    tables = [table for contract in contracts.values() for table in ddl.stream_tables(contract, "RAW")]
    claims = [ddl.claim_table(stream, "RAW") for stream in contracts]
    return {table.name.upper(): columns_of(table) for table in [*tables, *claims, *bookkeeping_tables()]}


def bookkeeping_tables() -> list[ddl.Table]:
    return [ddl.ledger_table("RAW"), ddl.locks_table("RAW")]


def columns_of(table: ddl.Table) -> list[Column]:
    return [Column(column.name.upper(), SNOWFLAKE.type(column.type), column.nullable) for column in table.columns]


def wide_contract(types: Iterable[str], *, landed_as_text: Iterable[str]) -> dict[str, Any]:
    """Return a contract with a column of each type, and a key whose order is not that of its columns."""
    key = [
        {"name": name, "physicalType": "bigint", "required": True, "primaryKey": True, "primaryKeyPosition": position}
        for name, position in (("first", 2), ("second", 1))
    ]
    typed = [{"name": f"c{number}", "physicalType": type_} for number, type_ in enumerate(types)]
    as_text = [
        {"name": f"t{number}", "physicalType": type_, "customProperties": [{"property": "landAs", "value": "text"}]}
        for number, type_ in enumerate(landed_as_text)
    ]
    spec = {
        "source": "postgres",
        "prefix": "inventory",
        "mode": "incremental",
        "cursor": "changed_at",
        "deletes": "keys",
    }
    cursor = {"name": "changed_at", "physicalType": "timestamptz", "required": True}
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "wide",
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": "wide",
                "properties": [*key, cursor, *typed, *as_text],
                "customProperties": [{"property": name, "value": value} for name, value in spec.items()],
            }
        ],
    }
