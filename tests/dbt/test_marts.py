"""The marts as a model: keys and relations are declared and tested alike, and no join of a fact with a dimension
changes how many rows there are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.dbt.running.project import REPOSITORY
from tests.dbt.running.raw_database import RawDatabase


@dataclass(frozen=True)
class ForeignKey:
    """A column of a mart, and the column of another mart that has its values."""

    model: str
    column: str
    to: str
    field: str


@pytest.fixture(scope="module")
def nodes(built: RawDatabase) -> dict[str, dict[str, Any]]:
    """The manifest's nodes by unique id."""
    document: dict[str, Any] = json.loads((built.path.parent / "target" / "manifest.json").read_text())
    nodes: dict[str, dict[str, Any]] = document["nodes"]
    return nodes


@pytest.fixture(scope="module")
def marts(nodes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The marts by name, without views, which can declare no keys."""
    models = [node for node in nodes.values() if node["resource_type"] == "model" and node["path"].startswith("marts/")]
    return {node["name"]: node for node in models if node["config"]["materialized"] != "view"}


def primary_key(mart: dict[str, Any]) -> tuple[str, ...]:
    """Return the columns that are declared to identify a row."""
    [key] = [item["columns"] for item in mart["constraints"] if item["type"] == "primary_key"]
    return tuple(key)


def foreign_keys(marts: dict[str, dict[str, Any]]) -> set[ForeignKey]:
    """Return all declared foreign keys."""
    return {
        ForeignKey(name, column["name"], _plain(constraint["to"]), constraint["to_columns"][0])
        for name, mart in marts.items()
        for column in mart["columns"].values()
        for constraint in column["constraints"]
        if constraint["type"] == "foreign_key"
    }


def _plain(reference: str) -> str:
    return re.sub(r".*\.|\"|ref\('|'\)", "", reference)


def _tests(nodes: dict[str, dict[str, Any]], name: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (node["attached_node"].split(".")[-1], node["test_metadata"]["kwargs"])
        for node in nodes.values()
        if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") == name
        if node["attached_node"] is not None  # a source's test has none
    ]


def test_keys_are_declared_as_they_are_tested(
    nodes: dict[str, dict[str, Any]], marts: dict[str, dict[str, Any]]
) -> None:
    tested = {name: tuple(given["columns"]) for name, given in _tests(nodes, "primary_key") if name in marts}
    assert tested == {name: primary_key(mart) for name, mart in marts.items()}

    with_relations = {key.model for key in foreign_keys(marts)}
    assert len(with_relations) >= 9
    assert {name for name, _ in _tests(nodes, "foreign_keys")} == with_relations


def test_every_declared_foreign_key_is_tested(built: RawDatabase, nodes: dict[str, dict[str, Any]]) -> None:
    for node in nodes.values():
        if (node.get("test_metadata") or {}).get("name") == "foreign_keys":
            mart = nodes[node["attached_node"]]
            declared = foreign_keys({mart["name"]: mart})
            [compiled] = (built.path.parent / "target" / "compiled").rglob(f"{node['name']}.sql")
            sql = compiled.read_text()
            for key in declared:
                parent = rf'"MART"\."{key.to}" as (parent_\d) on \1\.{key.field} = child\.{key.column}\b'
                assert re.search(f"left join .*{parent}", sql), key
            assert sql.count("left join") == len(declared)


def test_every_key_of_a_fact_refers_to_a_dimension(marts: dict[str, dict[str, Any]]) -> None:
    declared = {(key.model, key.column) for key in foreign_keys(marts)}
    for name, mart in marts.items():
        if name.startswith("fct_"):
            columns = {column for column in mart["columns"] if column.endswith(("_key", "_date"))}
            assert columns
            assert {(name, column) for column in columns} <= declared


def test_joining_a_fact_with_a_dimension_changes_no_number_of_rows(
    built: RawDatabase, marts: dict[str, dict[str, Any]]
) -> None:
    alone, joined = {}, {}
    for key in foreign_keys(marts):
        alone[str(key)] = f"select count(*) from MART.{key.model} where {key.column} is not null"
        joined[str(key)] = (
            f"select count(*) from MART.{key.model} as fact "
            f"join MART.{key.to} as dimension on dimension.{key.field} = fact.{key.column}"
        )
    for fact in marts:
        for dimension, mart in marts.items():
            columns = primary_key(mart)
            if dimension != fact and set(columns) <= marts[fact]["columns"].keys():
                pair = f"{fact} with {dimension}"
                alone[pair] = f"select count(*) from MART.{fact}"
                joined[pair] = (
                    f"select count(*) from MART.{fact} left join MART.{dimension} using ({', '.join(columns)})"
                )

    assert built.queries(joined) == built.queries(alone)


def test_each_mart_has_an_owner(marts: dict[str, dict[str, Any]]) -> None:
    assert [name for name, mart in marts.items() if not mart["group"]] == []


def test_staging_reads_the_stream_that_it_is_named_by(nodes: dict[str, dict[str, Any]]) -> None:
    staging = [node for node in nodes.values() if node["name"].startswith("stg_") and node["resource_type"] == "model"]
    assert staging
    for node in staging:
        read = {source.split(".")[-1].removesuffix("__deletes") for source in node["depends_on"]["nodes"]}
        assert read <= {node["name"][4:], "_loads"}, node["name"]


@pytest.mark.parametrize(
    ("exposure", "asks"), [("demo_answers", "local/demo/answers.py"), ("analyst_questions", "docs/QUESTIONS.md")]
)
def test_exposures_name_what_is_asked(built: RawDatabase, exposure: str, asks: str) -> None:
    document = json.loads((built.path.parent / "target" / "manifest.json").read_text())
    [declared] = [item for item in document["exposures"].values() if item["name"] == exposure]
    named = {parent.split(".")[-1] for parent in declared["depends_on"]["nodes"]}
    asked = re.findall(r"\bmart\.(\w+)", (REPOSITORY / asks).read_text(encoding="utf-8"), re.IGNORECASE)
    assert named == set(asked)
