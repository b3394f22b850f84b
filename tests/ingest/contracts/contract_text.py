"""A small good contract, and ways to make it a bad one."""

from __future__ import annotations

import copy
from typing import Any

import yaml

from ingest.contracts.model import StreamContract
from ingest.contracts.parse import parse_contract

Document = dict[str, Any]

_GOOD: Document = {
    "apiVersion": "v3.2.0",
    "kind": "DataContract",
    "id": "things",
    "name": "Things",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "things",
            "physicalName": "public.things",
            "physicalType": "table",
            "properties": [
                {
                    "name": "id",
                    "logicalType": "integer",
                    "physicalType": "bigint",
                    "required": True,
                    "primaryKey": True,
                    "primaryKeyPosition": 1,
                },
                {"name": "label", "logicalType": "string", "physicalType": "text", "required": False},
                {"name": "updated_at", "logicalType": "timestamp", "physicalType": "timestamptz", "required": True},
            ],
            "customProperties": [
                {"property": "source", "value": "postgres"},
                {"property": "prefix", "value": "inventory"},
                {"property": "mode", "value": "incremental"},
                {"property": "cursor", "value": "updated_at"},
                {"property": "deletes", "value": "keys"},
            ],
        }
    ],
    "slaProperties": [{"property": "latency", "value": 24, "unit": "h"}],
}


def good_document() -> Document:
    """Return a document that is a good contract of the stream `things`."""
    return copy.deepcopy(_GOOD)


def column(document: Document, name: str) -> Document:
    """Return the column called `name`."""
    found: Document = next(item for item in document["schema"][0]["properties"] if item["name"] == name)
    return found


def add_column(document: Document, name: str, physical_type: str, **more: Any) -> None:
    """Add a column that may be null."""
    document["schema"][0]["properties"].append({"name": name, "physicalType": physical_type, **more})


def set_custom(document: Document, name: str, value: Any) -> None:
    """Set a custom property of the schema object. None removes it."""
    kept = [item for item in document["schema"][0]["customProperties"] if item["property"] != name]
    document["schema"][0]["customProperties"] = kept + ([] if value is None else [{"property": name, "value": value}])


def text_of(document: Document) -> str:
    """Return the document as YAML."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def parsed(document: Document) -> StreamContract:
    """Return the document as a contract."""
    return parse_contract(text_of(document), origin="things.odcs.yaml")
