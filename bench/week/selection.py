"""The nodes that a plan selects: all nodes, with their tests, that depend in dbt's graph on sources with new rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.contracts.model import StreamContract
from orchestration.built.plan import BUSINESS_DAY, Plan


@dataclass(frozen=True)
class Graph:
    """A manifest's nodes by their children, and the nodes with the tag of the day."""

    children: dict[str, list[str]]
    nodes: frozenset[str]
    of_the_day: frozenset[str]

    @classmethod
    def read(cls, target: Path) -> Graph:
        """Return the graph in the manifest that a build left in its folder `target`."""
        document: dict[str, Any] = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
        nodes = {name: node for name, node in document["nodes"].items() if node["resource_type"] != "unit_test"}
        return cls(
            document["child_map"],
            frozenset(nodes),
            frozenset(name for name, node in nodes.items() if BUSINESS_DAY in node["tags"]),
        )

    def selected(self, planned: Plan, contracts: Sequence[StreamContract]) -> frozenset[str]:
        """Return the nodes that a build of the plan runs, by `Plan.selection`."""
        if planned.whole:
            return self.nodes
        sources = {item.removeprefix("source:").removesuffix("+") for item in planned.selection(contracts)}
        roots = [
            name for name in self.children if name.startswith("source.") and ".".join(name.split(".")[-2:]) in sources
        ]
        return self._below([*roots, *(self.of_the_day if planned.new_day else ())]) & self.nodes

    def _below(self, roots: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        ahead = list(roots)
        while ahead:
            name = ahead.pop()
            if name not in found:
                found.add(name)
                ahead.extend(self.children.get(name, ()))
        return frozenset(found)
