"""Tests of the patches that make dbt cheaper: dbt sees the same macros, and a run gets the same events."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import pytest
from dbt.adapters.events import types as of_adapters
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.events import types as of_dbt
from dbt_common.events.event_manager import EventManager
from dbt_common.events.functions import get_event_manager

from orchestration.dbt.lighter import UNHEARD, make_lighter


@dataclass(frozen=True)
class _Macro:
    package_name: str
    name: str


MACROS = {
    "ours": {name: _Macro("ours", name) for name in ("log_rows", "ref", "hash")},
    "a_package": {name: _Macro("a_package", name) for name in ("hash", "union")},
    "dbt_duckdb": {name: _Macro("dbt_duckdb", name) for name in ("duckdb__drop", "hash")},
    "dbt": {name: _Macro("dbt", name) for name in ("drop", "hash", "duckdb__drop")},
}


@pytest.fixture
def lighter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the patches for one test."""
    for patched, name in ((MacroNamespaceBuilder, "build_namespace"), (EventManager, "fire_event")):
        monkeypatch.setattr(patched, name, vars(patched)[name])
    make_lighter()


def _namespace(node: object, context: dict[str, object], package: str) -> MacroNamespace:
    builder = MacroNamespaceBuilder("ours", package, STACK, ["dbt_duckdb", "dbt"], node)  # type: ignore[arg-type]
    return builder.build_namespace(MACROS, context)  # type: ignore[arg-type]


STACK = object()


def _content(namespace: MacroNamespace) -> dict[str, object]:
    """Return the macro of each name, and each package as a dictionary."""
    return {name: {**found} if isinstance(found, dict) else found.macro for name, found in namespace.items()}


def _macros(namespace: MacroNamespace) -> dict[str, object]:
    return {
        name: {inner: generator.macro for inner, generator in found.items()} if isinstance(found, dict) else found
        for name, found in _content(namespace).items()
    }


@pytest.mark.parametrize("package", ["ours", "a_package", "dbt"])
def test_names_mean_what_they_mean_to_dbt(package: str, request: pytest.FixtureRequest) -> None:
    dbts = _macros(_namespace("a node", {}, package))
    request.getfixturevalue("lighter")
    for node in ("first", "second", "third"):
        context: dict[str, object] = {"node": node}
        namespace = _namespace(node, context, package)
        assert _macros(namespace) == dbts
        assert len(namespace) == len(dbts)
        assert namespace.get_from_package("a_package", "hash").macro == MACROS["a_package"]["hash"]  # type: ignore[union-attr]
        assert namespace.get_from_package("dbt", "hash").macro == MACROS["dbt_duckdb"]["hash"]  # type: ignore[union-attr]
        assert namespace.get_from_package(None, "no such macro") is None
        generator = namespace["drop"]
        assert generator.context is context  # type: ignore[union-attr]
        assert generator.node == node  # type: ignore[union-attr]
        assert generator.stack is STACK  # type: ignore[union-attr]


@pytest.mark.usefixtures("lighter")
def test_what_nobody_reads_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = get_event_manager()
    told: list[str] = []
    monkeypatch.setattr(manager, "callbacks", [lambda message: told.append(message.info.name)])
    manager.fire_event(of_adapters.SQLCommit(conn_name="a connection"))
    manager.fire_event(of_dbt.MainReportVersion(version="=1", log_version=3))
    assert told == ["MainReportVersion"]


def test_each_is_an_event_of_dbts_and_none_is_read() -> None:
    def names(module: ModuleType) -> set[str]:
        return {name for name in vars(module) if name[0].isupper()}

    assert names(of_adapters) | names(of_dbt) >= UNHEARD
    assert not UNHEARD & {"NodeStart", "NodeFinished", "JinjaLogInfo", "JinjaLogDebug", "MainEncounteredError"}
