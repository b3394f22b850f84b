"""The start-up of `ingest run` alone: the interpreter, its imports, settings, contracts, an S3 client.

python -m bench.programs.start_only
"""

from __future__ import annotations

import adbc_driver_postgresql.dbapi  # noqa: F401
import psycopg2  # noqa: F401
import pyarrow.compute
import pyarrow.parquet  # noqa: F401

from ingest.cli import app, options, render  # noqa: F401
from ingest.lake.objects.s3 import make_client
from ingest.run.runner import ingest_all  # noqa: F401


def main() -> None:
    """Do the start-up and end."""
    loaded = options.settings()
    list(options.contracts(loaded))
    make_client(loaded.lake)


if __name__ == "__main__":
    main()
