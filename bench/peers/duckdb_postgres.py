"""DuckDB's own extension for Postgres: a table copied to one Parquet file on S3, by two threads.

python duckdb_postgres.py    POSTGRES_DSN, RAW_BUCKET, AWS_* in the environment
"""

from __future__ import annotations

import os
from importlib.resources import files
from urllib.parse import urlsplit

import duckdb

_THREADS = 2


def main() -> None:
    """Read by ranges of blocks, write, upload."""
    connection = duckdb.connect(config={"threads": _THREADS})
    for name in ("httpfs", "postgres_scanner"):
        folder = files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}"
        connection.execute(f"LOAD '{folder / name}.duckdb_extension'")
    endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    connection.execute(
        "CREATE SECRET (TYPE s3, KEY_ID ?, SECRET ?, REGION ?, ENDPOINT ?, USE_SSL ?, URL_STYLE 'path')",
        [
            os.environ["AWS_ACCESS_KEY_ID"],
            os.environ["AWS_SECRET_ACCESS_KEY"],
            os.environ["AWS_REGION"],
            endpoint.netloc,
            endpoint.scheme == "https",
        ],
    )
    connection.execute(f"ATTACH '{_escaped(os.environ['POSTGRES_DSN'])}' AS shop (TYPE postgres, READ_ONLY)")
    target = f"s3://{os.environ['RAW_BUCKET']}/duckdb/stock_movements.parquet"
    connection.execute(
        f"COPY (FROM shop.public.stock_movements) TO '{_escaped(target)}' (FORMAT parquet, COMPRESSION zstd)"
    )


def _escaped(text: str) -> str:
    return text.replace("'", "''")


if __name__ == "__main__":
    main()
