"""Parses dbt's JSON log, line by line, into the few events that orchestration acts on.

The names and fields are those of dbt 1.10's `NodeStart` (Q024), `NodeFinished` (Q025) and `MainEncounteredError`
(Z002). Their order: every selected node starts and finishes once, even a skipped one. Messages about a node may come
after its end.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from common.foreign_text import harmless

ROW_COUNT_PREFIX = "row_count="
"""A model logs its number of rows as `row_count=<n>`: DuckDB's answer to dbt lacks it."""


class NodeStatus(StrEnum):
    """The status with which a node ended, in dbt's words."""

    SUCCESS = "success"
    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    NO_OP = "no-op"
    SKIPPED = "skipped"
    FAIL = "fail"
    ERROR = "error"
    RUNTIME_ERROR = "runtime error"
    PARTIAL_SUCCESS = "partial success"

    @property
    def failed(self) -> bool:
        """Whether the build must not be published."""
        return self in (NodeStatus.FAIL, NodeStatus.ERROR, NodeStatus.RUNTIME_ERROR, NodeStatus.PARTIAL_SUCCESS)


@dataclass(frozen=True)
class NodeStarted:
    """A model, test, snapshot or seed began. `depends_on` are the unique ids of the nodes that it reads."""

    unique_id: str
    name: str
    resource_type: str
    materialized: str
    started_at: datetime
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeFinished:
    """A node ended.

    `rows` are the affected rows, or the rows of the table if the model logged them. `failures` are a test's bad rows. A
    test's `description` comes from its YAML: whether it checks a promise of ours or an oddity of the source, and what
    its rows are.
    """

    unique_id: str
    name: str
    resource_type: str
    materialized: str
    status: NodeStatus
    seconds: float
    started_at: datetime
    finished_at: datetime
    message: str = ""
    rows: int | None = None
    failures: int | None = None
    relation: str | None = None
    compiled_path: Path | None = None
    depends_on: tuple[str, ...] = ()
    description: str = ""

    @property
    def failed(self) -> bool:
        """Whether the node's result must not be published."""
        return self.status.failed

    @property
    def warned(self) -> bool:
        """Whether the test found rows that are shown but stop nothing."""
        return self.status is NodeStatus.WARN

    def __str__(self) -> str:
        text = f"{self.name}: {self.message or self.status.value}"
        if self.compiled_path is None:
            return text
        separator = "\n  " if "\n" in text else "; "
        return f"{text}{separator}compiled SQL: {self.compiled_path}"


@dataclass(frozen=True)
class DbtComplaint:
    """dbt itself gave up: a project that cannot be parsed, a wrong profile, a database that cannot be opened."""

    message: str


@dataclass(frozen=True)
class NodeMessage:
    """dbt's message about a node. `level` is a level of the logging module."""

    unique_id: str
    level: int
    text: str
    at: datetime


@dataclass(frozen=True)
class MacroMessage:
    """A message of an operation, whose macro dbt runs without a node."""

    text: str


DbtEvent = NodeStarted | NodeFinished | NodeMessage | MacroMessage | DbtComplaint

_LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_LEADER = re.compile(r" \.{2,} (?=\[)")
"""The dots that fill a line of dbt's up to 80 columns."""


class EventReader:
    """A parser of the log lines of one dbt invocation that writes to `target`."""

    def __init__(self, target: Path) -> None:
        self._manifest = _Manifest(target)
        self._rows: dict[str, int] = {}

    def read(self, line: str) -> DbtEvent | None:
        """Return the event of a line. Return None for an irrelevant line, and for a line that is not JSON."""
        try:
            event = json.loads(line)
        except ValueError:
            return None
        if not isinstance(event, dict):
            return None
        info, data = event.get("info", {}), event.get("data", {})
        match info.get("name"):
            case "NodeStart":
                return self._started(data["node_info"], info["ts"])
            case "NodeFinished":
                return self._finished(data["node_info"], data["run_result"], info["ts"])
            case "JinjaLogInfo" | "JinjaLogDebug" if self._note_rows(data):
                return None
            case "JinjaLogInfo" if not data.get("node_info", {}).get("unique_id"):
                return MacroMessage(harmless(data.get("msg", "")))
            case "MainEncounteredError":
                return DbtComplaint(harmless(info.get("msg", "")).removeprefix("Encountered an error:").strip())
        return _message_of_node(info, data)

    def _started(self, node: Mapping[str, Any], at: str) -> NodeStarted:
        return NodeStarted(
            unique_id=node["unique_id"],
            name=node["node_name"],
            resource_type=node["resource_type"],
            materialized=node["materialized"],
            started_at=_moment(node.get("node_started_at") or at),
            depends_on=self._manifest.depends_on(node["unique_id"]),
        )

    def _finished(self, node: Mapping[str, Any], result: Mapping[str, Any], at: str) -> NodeFinished:
        unique_id = node["unique_id"]
        finished = _moment(node.get("node_finished_at") or at)
        status = NodeStatus(result["status"])
        event = NodeFinished(
            unique_id=unique_id,
            name=node["node_name"],
            resource_type=node["resource_type"],
            materialized=node["materialized"],
            status=status,
            seconds=float(result.get("execution_time") or 0.0),
            started_at=_moment(node.get("node_started_at") or at),
            finished_at=finished,
            message=_message(result),
            rows=self._rows.get(unique_id, _rows_affected(node, result)),
            relation=node.get("node_relation", {}).get("relation_name") or None,
            depends_on=self._manifest.depends_on(unique_id),
        )
        if node["resource_type"] in ("test", "unit_test") and status is not NodeStatus.SKIPPED:
            failures = int(result.get("num_failures") or 0)
            event = replace(event, failures=failures, description=self._manifest.description(unique_id))
        if event.failed or event.warned:
            event = replace(event, compiled_path=self._manifest.compiled_path(unique_id))
        return event

    def _note_rows(self, data: Mapping[str, Any]) -> bool:
        """Record the number of rows that a model logs. Return whether the message was such a number."""
        text = str(data.get("msg", ""))
        told = text.startswith(ROW_COUNT_PREFIX) and text.removeprefix(ROW_COUNT_PREFIX).isdigit()
        if told:
            self._rows[data.get("node_info", {}).get("unique_id", "")] = int(text.removeprefix(ROW_COUNT_PREFIX))
        return told


class _Manifest:
    """The nodes in target/manifest.json, which dbt writes before the first node starts."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._nodes: Mapping[str, Any] | None = None

    def depends_on(self, unique_id: str) -> tuple[str, ...]:
        return tuple(self._node(unique_id).get("depends_on", {}).get("nodes", ()))

    def description(self, unique_id: str) -> str:
        return harmless(self._node(unique_id).get("description") or "").strip()

    def compiled_path(self, unique_id: str) -> Path | None:
        """Return the file of a node's compiled SQL; None if dbt wrote none (the SQL did not compile).

        A generic test lies in a folder named after the YAML file that declares it.
        """
        node = self._node(unique_id)
        if not node:
            return None
        original, path = Path(node["original_file_path"]), Path(node["path"])
        place = original if original.name == path.name else original / path
        compiled = self._target / "compiled" / str(node["package_name"]) / place
        return compiled if compiled.exists() else None

    def _node(self, unique_id: str) -> Mapping[str, Any]:
        if self._nodes is None:
            self._nodes = self._read()
        node: Mapping[str, Any] = self._nodes.get(unique_id, {})
        return node

    def _read(self) -> Mapping[str, Any]:
        path = self._target / "manifest.json"
        if not path.exists():
            return {}
        nodes: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["nodes"]
        return nodes


def _message_of_node(info: Mapping[str, Any], data: Mapping[str, Any]) -> NodeMessage | None:
    unique_id = data.get("node_info", {}).get("unique_id")
    text = _LEADER.sub(" ", harmless(info.get("msg", ""))).strip()
    level = _LEVELS.get(str(info.get("level")))
    if not unique_id or not text or level is None:
        return None
    return NodeMessage(unique_id, level, text, _moment(str(info["ts"])))


def _message(result: Mapping[str, Any]) -> str:
    text = harmless(result.get("message") or "").strip()
    return "" if text in ("OK", "None") else text


def _rows_affected(node: Mapping[str, Any], result: Mapping[str, Any]) -> int | None:
    """Return the number of rows that the warehouse reports; None for a view.

    A view has no rows of its own, and Snowflake counts the one line of its response.
    """
    if node["materialized"] == "view":
        return None
    rows = (result.get("adapter_response") or {}).get("rows_affected")
    return int(rows) if rows is not None and int(rows) >= 0 else None


def _moment(text: str) -> datetime:
    """Parse a time of dbt's clock, which is in UTC, printed with or without a zone."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
