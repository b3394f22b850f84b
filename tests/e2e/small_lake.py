"""The lake moved onto a volume that is small enough to be filled, and back onto its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.stack import HERE, Stack

_KEEPER = "python:3.11-slim-bookworm"
_FILL = """
with open("/small/ballast", "wb", buffering=0) as ballast:
    try:
        while ballast.write(bytes(4096)):
            pass
    except OSError:
        pass
"""


@dataclass(frozen=True)
class SmallLake:
    """A running lake on the small volume; `keeper` is a container that holds both volumes."""

    stack: Stack
    keeper: str

    def fill(self) -> None:
        """Leave no byte free."""
        self._run("python", "-c", _FILL)

    def free(self) -> None:
        """Take away what it was filled with."""
        self._run("rm", "/small/ballast")

    def move(self, source: str, target: str) -> None:
        """Copy all of a volume to the other, with owners and times."""
        self._run("find", target, "-mindepth", "1", "-delete")
        self._run("cp", "-a", f"{source}/.", target)

    def _run(self, *command: str) -> None:
        self.stack.docker("exec", self.keeper, *command)


@contextmanager
def small_lake(stack: Stack) -> Iterator[SmallLake]:
    """The lake lives on the small volume while the block lasts; what it holds at the end goes back."""
    small = stack.overridden(HERE / "small_lake.yml")
    volumes = [f"{stack.project}_lake_data:/big", f"{stack.project}_small_lake:/small"]
    stack.compose("stop", "lake")
    small.compose("create", "--no-build", "lake")
    mounts = [part for volume in volumes for part in ("--volume", volume)]
    keeper = stack.docker("run", "--detach", "--init", *mounts, _KEEPER, "sleep", "infinity").strip()
    lake = SmallLake(stack, keeper)
    try:
        lake.move("/big", "/small")
        small.up("lake")
        yield lake
        stack.compose("stop", "lake")
        lake.move("/small", "/big")
    finally:
        stack.docker("rm", "--force", keeper)
        stack.up("lake")
        stack.docker("volume", "rm", f"{stack.project}_small_lake")
