"""A lake moved to a small volume that tests can fill, and back to its own volume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.stack import HERE, Stack

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
    """A running lake on the small volume, by the stack's compose files and small_lake.yml."""

    stack: Stack

    def fill(self) -> None:
        """Fill the volume completely."""
        self._run("python", "-c", _FILL)

    def free(self) -> None:
        """Delete the files that fill the volume."""
        self._run("rm", "/small/ballast")

    def move(self, source: str, target: str) -> None:
        """Copy all of a volume to another, with owners and times."""
        self._run("find", target, "-mindepth", "1", "-delete")
        self._run("cp", "-a", f"{source}/.", target)

    def _run(self, *command: str) -> None:
        self.stack.compose("exec", "--no-TTY", "keeper", *command)


@contextmanager
def small_lake(stack: Stack) -> Iterator[SmallLake]:
    """Keep the lake on the small volume within the block. Its content at the end is copied back."""
    small = stack.overridden(HERE / "small_lake.yml")
    lake = SmallLake(small)
    stack.compose("stop", "lake")
    try:
        small.up("keeper")
        lake.move("/big", "/small")
        small.up("lake")
        try:
            yield lake
        finally:
            small.compose("stop", "lake")
            lake.move("/small", "/big")
    finally:
        small.compose("rm", "--force", "--stop", "keeper")
        stack.up("lake")
        stack.docker("volume", "rm", f"{stack.project}_small_lake")
