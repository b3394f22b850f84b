"""botocore's descriptions of S3 and its endpoints, 1 MB of JSON, read more quickly than botocore reads them.

botocore looks through the descriptions of all its services, some 400, before it reads those of one, and decodes them in
Python's own parser. That is most of the time that a client takes to be made.
"""

from __future__ import annotations

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from botocore.loaders import JSONFileLoader, Loader


class _QuickFiles(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        """The content of a file whose name is given without its ending; None if there is none."""
        plain, zipped = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return orjson.loads(plain.read_bytes())
        return orjson.loads(gzip.decompress(zipped.read_bytes())) if zipped.is_file() else None


class _QuickLoader(Loader):
    def list_available_services(self, type_name: str) -> list[str]:
        """The names of all services; whether one has descriptions of that type is seen when they are read."""
        folders = (path for path in self.search_paths if os.path.isdir(path))  # noqa: PTH112 - one call for each
        return sorted({name for path in folders for name in os.listdir(path)})  # noqa: PTH208


@cache
def service_descriptions() -> Loader:
    """The loader for a session's `data_loader`, once a process."""
    return _QuickLoader(file_loader=_QuickFiles())
