"""dlt: sql_database to the filesystem destination on S3, as Parquet.

python dlt_postgres.py pyarrow|connectorx PIPELINES_DIR    POSTGRES_DSN, RAW_BUCKET, AWS_* in the environment
"""

from __future__ import annotations

import os
import sys

from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found]

from bench.peers import dlt_lake


def main(backend: str, pipelines_dir: str) -> None:
    """Run one pipeline over the whole table."""
    table = sql_table(
        credentials=os.environ["POSTGRES_DSN"],
        table="stock_movements",
        schema="public",
        backend=backend,
        chunk_size=100_000,
    )
    dlt_lake.run("movements", table, pipelines_dir)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
