"""Patches of dbt in the process of a build, which make two operations cheaper that dbt repeats some hundred times.

dbt makes two contexts for each node, and one for each query of the catalog. Each context contains all macros, some
eight hundred, and dbt groups them by package each time. The patch groups them once. dbt also formats a message for each
statement, connection and commit, which no program reads: a run only uses the start, the end and the messages of a node.
The patch drops the other messages. The result of a build is the same without the patches.

Like `waiting`, this module is run by its path and imports no module of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbt.adapters.events import types as of_adapters
from dbt.clients.jinja import MacroGenerator
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.events import types as of_dbt
from dbt_common.events.event_manager import EventManager

UNHEARD = frozenset(
    {
        *("ConnectionUsed", "ConnectionReused", "ConnectionClosed", "NewConnectionOpening"),
        *("SQLQuery", "SQLQueryStatus", "SQLCommit", "Rollback"),
        *("NodeCompiling", "NodeExecuting", "WritingInjectedSQLForNode"),
    }
)
"""Events of dbt that no program reads. A failed statement is in its node's end, and compiled SQL is in a file."""


def make_lighter() -> None:
    """Apply the patches. dbt must be imported before."""
    _drop_unheard_events()
    _group_macros_once()


def _drop_unheard_events() -> None:
    tell: Any = EventManager.fire_event

    def told(self: EventManager, e: Any, *arguments: Any, **named: Any) -> None:
        if type(e).__name__ not in UNHEARD:
            tell(self, e, *arguments, **named)

    EventManager.fire_event = told  # type: ignore[method-assign]
    for events in (of_dbt, of_adapters):
        for name in UNHEARD & vars(events).keys():
            getattr(events, name).__init__ = _say_nothing


def _say_nothing(self: object, **content: object) -> None:
    """Make an event without its content, which dbt converts field by field."""


def _group_macros_once() -> None:
    group: Any = MacroNamespaceBuilder.build_namespace
    known: dict[tuple[object, ...], tuple[object, _Grouped]] = {}

    def build_namespace(self: Any, macros_by_package: Mapping[str, Any], ctx: dict[str, Any]) -> MacroNamespace:
        # The manifest's macros are identified by their id. `known` keeps them, so that no other object gets that id.
        key = (id(macros_by_package), self.root_package, self.search_package, *self.internal_package_names_order)
        found = known.get(key)
        if found is None:
            namespace: MacroNamespace = group(self, macros_by_package, ctx)
            known[key] = macros_by_package, _Grouped.of(namespace)
            return namespace
        return found[1].namespace(ctx, self.node, self.thread_ctx)

    MacroNamespaceBuilder.build_namespace = build_namespace  # type: ignore[method-assign]


@dataclass(frozen=True)
class _Grouped:
    """All macros as one package sees them: the macros, and by group and name the index of each."""

    macros: Sequence[Any]
    root: Mapping[str, int]
    local: Mapping[str, int]
    internal: Mapping[str, int]
    packages: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, namespace: MacroNamespace) -> _Grouped:
        """Return the groups that dbt made."""
        places: dict[int, int] = {}
        macros: list[Any] = []

        def placed(generators: Mapping[str, Any]) -> dict[str, int]:
            for generator in generators.values():
                if id(generator.macro) not in places:
                    places[id(generator.macro)] = len(macros)
                    macros.append(generator.macro)
            return {name: places[id(generator.macro)] for name, generator in generators.items()}

        return cls(
            macros,
            placed(namespace.global_namespace),
            placed(namespace.local_namespace),
            placed(namespace.global_project_namespace),
            {name: placed(package) for name, package in namespace.packages.items()},
        )

    def namespace(self, context: dict[str, Any], node: Any, stack: Any) -> MacroNamespace:
        """Return the macros for another context."""
        generators = [_generator(macro, context, node, stack) for macro in self.macros]

        def of(places: Mapping[str, int]) -> dict[str, MacroGenerator]:
            return {name: generators[place] for name, place in places.items()}

        packages = {name: of(package) for name, package in self.packages.items()}
        return _Namespace(of(self.root), of(self.local), of(self.internal), packages)


class _Namespace(MacroNamespace):
    """A namespace that finds a name with a single lookup."""

    def __init__(
        self,
        global_namespace: dict[str, MacroGenerator],
        local_namespace: dict[str, MacroGenerator],
        global_project_namespace: dict[str, MacroGenerator],
        packages: dict[str, dict[str, MacroGenerator]],
    ) -> None:
        super().__init__(global_namespace, local_namespace, global_project_namespace, packages)
        self._all: dict[str, Any] = {}
        for names in reversed([*self._search_order()]):
            self._all.update(names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, key: str) -> Any:
        return self._all[key]


def _generator(macro: Any, context: dict[str, Any], node: Any, stack: Any) -> MacroGenerator:
    """Return a generator as its constructor makes it, without the calls: a build makes half a million generators."""
    generator = MacroGenerator.__new__(MacroGenerator)
    generator.context = context
    generator.macro = macro
    generator.node = node
    generator.stack = stack
    return generator
