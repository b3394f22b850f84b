"""Leaves Prefect's server out of processes that are clients of one.

`import prefect` imports `prefect.server.schemas.schedules`, and the packages around it import the whole server: models
of its tables, services, and an API whose routes are compiled. These are more than half of the time of `import prefect`
and a third of its memory. A client needs none of them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_FOR_CLIENTS = {
    "prefect.server": re.compile(r"(schemas|utilities)(\..+)?|database"),
    "prefect.server.schemas": re.compile("schedules|states|statuses"),
}
"""By package: the names within it that Prefect's client imports. They need nothing else of the package."""


def defer_prefect_server() -> None:
    """Import the server only when a part of it is imported that no client needs. Call this before `import prefect`."""
    if "prefect.server" not in sys.modules and not any(isinstance(each, _ServerFinder) for each in sys.meta_path):
        sys.meta_path.insert(0, _ServerFinder())


class _ServerFinder(MetaPathFinder):
    def __init__(self) -> None:
        self._packages: dict[str, _DeferredPackage] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for name, package in self._packages.items():
            if fullname.startswith(f"{name}.") and not package.is_for_clients(fullname):
                package.complete()
        if fullname in sys.modules:
            return _spec_of_imported(sys.modules[fullname])
        if fullname not in _FOR_CLIENTS:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = self._packages[fullname] = _DeferredPackage(fullname, spec.loader)
        return spec


class _DeferredPackage(Loader):
    """Makes a package without running its code. The code runs when a part is imported that is not for clients.

    It runs before that part, because the server's modules import each other in circles, which only this order resolves.
    """

    def __init__(self, name: str, loader: Loader) -> None:
        self._name = name
        self._loader = loader
        self._is_complete = False

    def is_for_clients(self, name: str) -> bool:
        """Return whether `name`, a module within the package, is or belongs to a part for clients."""
        return _FOR_CLIENTS[self._name].fullmatch(name.removeprefix(f"{self._name}.")) is not None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        def attribute(name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            if self.is_for_clients(f"{self._name}.{name}"):
                return import_module(f"{self._name}.{name}")
            self.complete()
            if name in vars(module):
                return vars(module)[name]
            raise AttributeError(f"module {self._name!r} has no attribute {name!r}")

        vars(module)["__getattr__"] = attribute

    def complete(self) -> None:
        """Run the package's code, once."""
        if not self._is_complete:
            self._is_complete = True
            self._loader.exec_module(sys.modules[self._name])


def _spec_of_imported(module: ModuleType) -> ModuleSpec:
    """Return a spec that loads a module, which the code of a package around it has just imported, as it is.

    The import system takes the module's own spec, so this is that until it is loaded.
    """
    spec = ModuleSpec(module.__name__, _Imported(module))
    module.__spec__ = spec
    return spec


class _Imported(Loader):
    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
