"""dlt: sql_database to the filesystem destination on S3, as Parquet.

python dlt_postgres.py pyarrow|connectorx PIPELINES_DIR    POSTGRES_DSN, RAW_BUCKET, AWS_* in the environment
"""

from __future__ import annotations

import os
import sys

import dlt  # type: ignore[import-not-found]
from dlt.destinations import filesystem  # type: ignore[import-not-found]
from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found]


def main(backend: str, pipelines_dir: str) -> None:
    """Run one pipeline over the whole table."""
    destination = filesystem(
        bucket_url=f"s3://{os.environ['RAW_BUCKET']}/dlt",
        credentials={
            "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
            "endpoint_url": os.environ["AWS_ENDPOINT_URL"],
            "region_name": os.environ["AWS_REGION"],
        },
    )
    table = sql_table(
        credentials=os.environ["POSTGRES_DSN"],
        table="stock_movements",
        schema="public",
        backend=backend,
        chunk_size=100_000,
    )
    pipeline = dlt.pipeline(
        "movements", destination=destination, dataset_name="shop", pipelines_dir=pipelines_dir, progress=None
    )
    info = pipeline.run(table, loader_file_format="parquet", write_disposition="append")
    info.raise_on_failed_jobs()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
