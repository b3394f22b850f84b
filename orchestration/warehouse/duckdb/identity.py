"""A unique name for a DuckDB file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import uuid4

from ingest.disk import disk_errors
from orchestration.warehouse.names import as_key

_SUFFIX = ".id"


def identity_of(path: Path) -> str:
    """Return the name of the database at `path`, made of the path and of a file beside it, which is created if missing.

    The path alone could be a path of another machine, and the file alone could be in a copy of the folder. Raises
    ConfigurationError if the folder cannot be written.
    """
    own = _own_id(path.with_name(f"{path.name}{_SUFFIX}"))
    return as_key("duckdb", path.stem, digest=hashlib.sha256(f"{own} {path.resolve()}".encode()).hexdigest())


def _own_id(file: Path) -> str:
    with disk_errors(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("x", encoding="ascii") as out:
                out.write(own := uuid4().hex)
        except FileExistsError:
            return file.read_text(encoding="utf-8", errors="replace").strip()
    return own
