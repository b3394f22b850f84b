"""Keeps Jinja's compiled templates in a file for later processes of dbt.

dbt compiles the source of each macro, test and model that it renders, in each process again, which takes a sixth of
a build's CPU. Like `waiting`, this module is run by its path and imports no module of ours.
"""

from __future__ import annotations

import atexit
import hashlib
import marshal
import os
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import Environment

MOST = 5_000
"""Templates that are kept. If there are more, those that the last process did not use are dropped."""


class KeptTemplates:
    """Compiled templates by their environment's class and their source.

    `file` holds code that is executed: only its user may be able to write it. A file that another version of Python,
    Jinja or dbt has written, or that is damaged, is not read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[int, int] | None = None
        self._codes: dict[bytes, CodeType] = {}
        self._used: set[bytes] = set()
        self._new = 0

    def read(self) -> None:
        """Add what is in the file, if it has changed since it was last read."""
        with suppress(OSError):  # nothing is kept yet
            found = self._file.stat()
            if (found.st_ino, found.st_mtime_ns) != self._read:
                self._read = found.st_ino, found.st_mtime_ns
                seal, _, content = self._file.read_bytes().partition(b"\n")
                if seal == _seal(content):
                    self._codes |= marshal.loads(content)  # noqa: S302 - written by us, as the seal shows

    def write(self) -> None:
        """Write the file anew if a template has been compiled. It only saves time, so a failure is no error."""
        if not self._new:
            return
        codes = self._codes
        if len(codes) > MOST:
            codes = {key: codes[key] for key in self._used}
        content = marshal.dumps(codes)
        draft = self._file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            try:
                draft.touch(mode=0o600)
                draft.write_bytes(_seal(content) + b"\n" + content)
                draft.replace(self._file)
            finally:
                draft.unlink(missing_ok=True)

    def take_over(self) -> None:
        """Let Jinja compile only what is not kept. Read the file now, and write it when the process ends."""
        self.read()
        compile_anew: Any = Environment.compile

        def compiled(environment: Environment, source: Any, *named: Any, **options: Any) -> Any:
            if named or options or not isinstance(source, str):
                return compile_anew(environment, source, *named, **options)
            key = hashlib.sha256(f"{type(environment).__qualname__}\n{source}".encode()).digest()
            code = self._codes.get(key)
            if code is None:
                code = self._codes[key] = compile_anew(environment, source)
                self._new += 1
            self._used.add(key)
            return code

        Environment.compile = compiled  # type: ignore[method-assign, assignment]
        atexit.register(self.write)


def _seal(content: bytes) -> bytes:
    """Return a line that only the same versions write before the same content."""
    return hashlib.sha256(_versions() + content).hexdigest().encode()


@cache
def _versions() -> bytes:
    return repr((sys.version, *(version(name) for name in ("jinja2", "dbt-common", "dbt-core")))).encode()
