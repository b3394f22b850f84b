"""The destination of dlt's pipelines in the benchmarks: Parquet in the bucket that the environment names."""

from __future__ import annotations

import os
from typing import Any

import dlt  # type: ignore[import-not-found]
from dlt.destinations import filesystem  # type: ignore[import-not-found]


def run(name: str, source: Any, pipelines_dir: str) -> None:
    """Run one pipeline over `source`, a dlt resource or source. RAW_BUCKET and AWS_* are in the environment."""
    destination = filesystem(
        bucket_url=f"s3://{os.environ['RAW_BUCKET']}/dlt",
        credentials={
            "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
            "endpoint_url": os.environ["AWS_ENDPOINT_URL"],
            "region_name": os.environ["AWS_REGION"],
        },
    )
    pipeline = dlt.pipeline(
        name, destination=destination, dataset_name=name, pipelines_dir=pipelines_dir, progress=None
    )
    info = pipeline.run(source, loader_file_format="parquet", write_disposition="append")
    info.raise_on_failed_jobs()
