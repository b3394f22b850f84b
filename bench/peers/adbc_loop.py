"""The plain loop: ADBC's batches into one Parquet file, then one upload. No overlap, no checks, no commit.

python adbc_loop.py    POSTGRES_DSN, RAW_BUCKET and boto3's variables in the environment
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import adbc_driver_postgresql.dbapi
import boto3
import pyarrow.parquet as pq

QUERY = "SELECT * FROM public.stock_movements"


def main() -> None:
    """Read, write, upload."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stock_movements.parquet"
        with (
            adbc_driver_postgresql.dbapi.connect(os.environ["POSTGRES_DSN"]) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(QUERY)
            reader = cursor.fetch_record_batch()
            with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(batch)
        boto3.client("s3").upload_file(str(path), os.environ["RAW_BUCKET"], "adbc/stock_movements.parquet")


if __name__ == "__main__":
    main()
