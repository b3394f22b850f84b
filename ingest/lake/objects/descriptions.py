"""Reads botocore's descriptions of S3 and its endpoints, 1 MB of JSON, faster than botocore does.

botocore looks through the descriptions of all its services, some 400, before it reads those of one, and decodes them in
Python's own parser. That is most of the time that it takes to make a client.
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
        """Return the content of a file, whose name is given without its extension; None if there is no such file."""
        plain, zipped = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return orjson.loads(plain.read_bytes())
        return orjson.loads(gzip.decompress(zipped.read_bytes())) if zipped.is_file() else None


class _QuickLoader(Loader):
    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of all services. Whether a service has descriptions of that type shows when they
        are read.
        """
        folders = (path for path in self.search_paths if os.path.isdir(path))  # noqa: PTH112 - one call for each
        return sorted({name for path in folders for name in os.listdir(path)})  # noqa: PTH208


@cache
def service_descriptions() -> Loader:
    """Return the loader for a session's `data_loader`. Each process makes it once."""
    return _QuickLoader(file_loader=_QuickFiles())
