"""Contracts: the packaged ones are good, and of a bad one the message names the file, the place and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import open_data_contract_standard
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingest.contracts.model import Clock, Mode
from ingest.contracts.parse import load_contract, parse_contract
from ingest.contracts.registry import PACKAGED, ContractRegistry
from ingest.errors import ConfigurationError, ContractError
from tests.ingest.contracts.contract_text import (
    Document,
    add_column,
    column,
    good_document,
    parsed,
    set_custom,
    text_of,
)

STREAMS = [
    "campaigns",
    "customers",
    "email_events",
    "order_items",
    "orders",
    "products",
    "stock_levels",
    "stock_movements",
    "warehouses",
]
ORIGIN = "things.odcs.yaml"


@pytest.fixture(scope="module")
def odcs_schema() -> jsonschema.protocols.Validator:
    """The standard's own JSON schema, as its package ships it."""
    path = Path(open_data_contract_standard.__file__).with_name("schema.json")
    return jsonschema.Draft201909Validator(json.loads(path.read_text()))


@pytest.mark.parametrize("stream", STREAMS)
def test_a_packaged_contract_keeps_the_standard(stream: str, odcs_schema: jsonschema.protocols.Validator) -> None:
    document = yaml.safe_load((PACKAGED / f"{stream}.odcs.yaml").read_text())
    assert [error.message for error in odcs_schema.iter_errors(document)] == []


def test_the_demo_has_nine_streams() -> None:
    registry = ContractRegistry.load()
    assert list(registry) == STREAMS
    assert {name for name in registry if registry[name].spec.prefix == "events"} == {"campaigns", "email_events"}
    assert {name for name in registry if registry[name].spec.mode is Mode.SNAPSHOT} == {"warehouses"}
    assert registry["stock_levels"].key == ("warehouse_id", "product_id")
    assert (
        registry["orders"].column("total_amount").landing.arrow
        == registry["order_items"].column("line_total").landing.arrow
    )
    assert registry["orders"].freshness == timedelta(hours=24)
    assert all(contract.freshness for contract in registry.values())


def test_streams_are_selected_by_name_once_each() -> None:
    registry = ContractRegistry.load()
    assert [contract.stream for contract in registry.select(["orders", "products", "orders"])] == ["orders", "products"]
    assert len(registry.select([])) == 9
    with pytest.raises(ConfigurationError, match=r"no stream 'order'\. The streams are: campaigns, "):
        registry.select(["order"])


def test_a_good_contract_says_all_that_a_stream_needs() -> None:
    contract = parsed(good_document())
    assert (contract.stream, contract.source_object, contract.key) == ("things", "public.things", ("id",))
    assert contract.cursor_column.name == "updated_at"
    assert contract.lands_keys
    assert contract.freshness == timedelta(hours=24)
    assert contract.spec.cursor_clock is Clock.DATABASE


def test_key_order_is_the_contracts_and_not_the_columns() -> None:
    document = good_document()
    column(document, "id")["primaryKeyPosition"] = 2
    add_column(document, "tenant", "text", required=True, primaryKey=True, primaryKeyPosition=1)
    assert parsed(document).key == ("tenant", "id")


@given(st.integers(1, 10**6))
def test_a_lateness_is_an_iso_duration(seconds: int) -> None:
    document = good_document()
    set_custom(document, "cursorClock", "client")
    set_custom(document, "allowedLateness", f"PT{seconds}S")
    assert parsed(document).spec.allowed_lateness == timedelta(seconds=seconds)


def _schema(document: Document) -> Any:
    return document["schema"][0]


def _key_of_binary(document: Document) -> None:
    column(document, "id")["physicalType"] = "bytea"


def _no_key(document: Document) -> None:
    del column(document, "id")["primaryKey"]


def _two_objects(document: Document) -> None:
    document["schema"].append({**_schema(document), "name": "others"})


def _same_name(document: Document) -> None:
    add_column(document, "label", "text")


def _client_clock(document: Document) -> None:
    set_custom(document, "cursorClock", "client")


def _backward_lateness(document: Document) -> None:
    set_custom(document, "cursorClock", "client")
    set_custom(document, "allowedLateness", "-PT1H")


def _snapshot_with_cursor(document: Document) -> None:
    set_custom(document, "mode", "snapshot")


def _snapshot_with_keys(document: Document) -> None:
    set_custom(document, "mode", "snapshot")
    set_custom(document, "cursor", None)


def _saas_snapshot(document: Document) -> None:
    _snapshot_with_keys(document)
    set_custom(document, "deletes", "none")
    set_custom(document, "source", "saas")


def _twice_the_same_property(document: Document) -> None:
    _schema(document)["customProperties"].append({"property": "cursor", "value": "created_at"})


BAD: dict[str, tuple[Callable[[Document], Any], str]] = {
    "unknown type": (
        lambda d: column(d, "label").update(physicalType="varchr"),
        r"column 'label': type 'varchr' is not known.*landAs: text",
    ),
    "no type": (lambda d: column(d, "label").pop("physicalType"), "column 'label' has no physicalType"),
    "bad numeric": (
        lambda d: column(d, "label").update(physicalType="numeric(a,b)"),
        r"column 'label': 'numeric\(a,b\)'",
    ),
    "bad landAs": (
        lambda d: column(d, "label").update(customProperties=[{"property": "landAs", "value": "json"}]),
        "column 'label': landAs is 'json'",
    ),
    "misspelt landAs": (
        lambda d: column(d, "label").update(customProperties=[{"property": "landas", "value": "text"}]),
        "column 'label': .*'landas'.*landAs",
    ),
    "no key": (_no_key, "no primary key.*primaryKey: true"),
    "no columns": (lambda d: _schema(d).pop("properties"), "no primary key"),
    "binary key": (_key_of_binary, "key column 'id' is binary"),
    "cursor missing": (lambda d: set_custom(d, "cursor", "changed_at"), "cursor 'changed_at'.*no such column"),
    "cursor not a time": (lambda d: set_custom(d, "cursor", "id"), "cursor 'id' is bigint"),
    "cursor null": (lambda d: column(d, "updated_at").update(required=False), "cursor 'updated_at' may be null"),
    "no objects": (lambda d: d.pop("schema"), "exactly one schema object"),
    "two objects": (_two_objects, "exactly one schema object"),
    "platform's column": (lambda d: add_column(d, "_log_version", "bigint"), "column '_log_version'.*platform"),
    "platform's column in capitals": (lambda d: add_column(d, "_BATCH_ID", "text"), "column '_BATCH_ID'.*platform"),
    "case only": (lambda d: add_column(d, "LABEL", "text"), "'label' and 'LABEL' differ only in case"),
    "same column twice": (_same_name, "two columns.*'label'"),
    "column without name": (lambda d: column(d, "label").pop("name"), "column 2 has no name"),
    "wrong custom property": (
        lambda d: set_custom(d, "curser", "updated_at"),
        "customProperties: 'curser' is not known. Known are: .*cursorClock",
    ),
    "custom property twice": (_twice_the_same_property, "customProperties: 'cursor' is given twice"),
    "no source": (lambda d: set_custom(d, "source", None), "customProperties: source"),
    "unknown source": (lambda d: set_custom(d, "source", "mysql"), "customProperties: source.*postgres"),
    "unknown prefix": (lambda d: set_custom(d, "prefix", "raw"), "customProperties: prefix.*'events' or 'inventory'"),
    "unknown mode": (lambda d: set_custom(d, "mode", "full"), "customProperties: mode.*snapshot"),
    "bad duration": (lambda d: set_custom(d, "allowedLateness", "an hour"), "customProperties: allowedLateness"),
    "negative duration": (_backward_lateness, "customProperties: allowedLateness"),
    "client clock without lateness": (_client_clock, "customProperties: cursorClock 'client' needs an allowedLateness"),
    "ratio above one": (lambda d: set_custom(d, "maxQuarantineRatio", 2), "customProperties: maxQuarantineRatio"),
    "ratio not a number": (lambda d: set_custom(d, "maxQuarantineRatio", "few"), "customProperties: maxQuarantineR"),
    "negative allowance": (lambda d: set_custom(d, "quarantineAllowance", -1), "customProperties: quarantineAllowance"),
    "incremental without cursor": (lambda d: set_custom(d, "cursor", None), "'incremental' needs a cursor"),
    "snapshot with cursor": (_snapshot_with_cursor, "'snapshot' takes none"),
    "snapshot with keys pass": (_snapshot_with_keys, "deletes must be 'none'"),
    "saas snapshot": (
        _saas_snapshot,
        "saas stream.*incremental",
    ),
    "no version": (lambda d: d.pop("version"), "no version"),
    "version not text": (lambda d: d.update(version=1.0), "version"),
    "unknown root property": (lambda d: d.update(schemas=[]), "schemas"),
    "stream in capitals": (lambda d: _schema(d).update(name="Things"), "stream name 'Things'"),
    "stream with a slash": (lambda d: _schema(d).update(name="a/b"), "stream name 'a/b'"),
    "stream not ASCII": (lambda d: _schema(d).update(name="größe"), "stream name 'größe'"),
    "no stream name": (lambda d: (_schema(d).pop("name"), d.pop("id")), "stream name ''"),
    "latency not a number": (lambda d: d["slaProperties"][0].update(value="soon"), "latency.*'soon'"),
    "latency unit": (lambda d: d["slaProperties"][0].update(unit="weeks"), "latency's unit"),
}


@pytest.mark.parametrize("spoil", [pytest.param(spoil, id=name) for name, spoil in BAD.items()])
def test_a_bad_contract_is_refused_with_file_place_and_reason(
    spoil: tuple[Callable[[Document], Any], str], tmp_path: Path
) -> None:
    change, said = spoil
    document = good_document()
    change(document)
    path = tmp_path / ORIGIN
    path.write_text(text_of(document), encoding="utf-8")

    with pytest.raises(ContractError, match=f"(?s).*{said}") as caught:
        load_contract(path)

    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [1", "not YAML"),
        (b"a:\n\t- tab", "not YAML"),
        (b"", "not a YAML mapping"),
        (b"- a\n- b\n", "not a YAML mapping"),
        (b"just text", "not a YAML mapping"),
        (b"1: one\n", "not an ODCS v3 contract"),
        (b"name: caf\xe9\n", "UTF-8"),
        (b"name: \x00\n", "not YAML"),
        (b"schema: 5\n", "not an ODCS v3 contract: schema"),
        (b"schema:\n- properties: 7\n", "not an ODCS v3 contract: schema.0.properties"),
    ],
)
def test_a_file_that_is_no_contract_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / ORIGIN
    path.write_bytes(content)
    with pytest.raises(ContractError, match=said) as caught:
        load_contract(path)
    assert str(path) in str(caught.value)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
def test_no_value_anywhere_gives_anything_but_a_contract_or_a_contract_error(data: st.DataObject) -> None:
    """One place of a good contract holds something else."""
    document = good_document()
    holder: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if not isinstance(holder[key], dict | list) or data.draw(st.booleans()):
            break
        holder = holder[key]
    holder[key] = data.draw(json_like)
    try:
        contract = parse_contract(text_of(document), origin=ORIGIN)
    except ContractError as error:
        message = str(error)
    else:
        message = ""
        assert contract.key
    assert not message or ORIGIN in message


def test_a_folder_without_contracts_and_a_stream_described_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=str(tmp_path)):
        ContractRegistry.load(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.odcs.yaml").write_text(text_of(good_document()))
    with pytest.raises(ContractError, match=r"a\.odcs\.yaml.*b\.odcs\.yaml.*'things'"):
        ContractRegistry.load(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"cannot read .*absent\.odcs\.yaml"):
        load_contract(tmp_path / "absent.odcs.yaml")
