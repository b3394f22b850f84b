"""dlt: rest_api over the event list, to the filesystem destination on S3, as Parquet.

python dlt_rest_api.py PIPELINES_DIR    SAAS_BASE_URL, RAW_BUCKET, AWS_* in the environment
"""

from __future__ import annotations

import os
import sys

from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]

from bench.peers import dlt_lake

PAGE_SIZE = 1_000


def main(pipelines_dir: str) -> None:
    """Run one pipeline over all pages."""
    source = rest_api_source(
        {
            "client": {
                "base_url": os.environ["SAAS_BASE_URL"],
                "paginator": {"type": "cursor", "cursor_path": "next_cursor", "cursor_param": "cursor"},
            },
            "resources": [
                {
                    "name": "email_events",
                    "endpoint": {"path": "v1/events", "params": {"limit": PAGE_SIZE}, "data_selector": "data"},
                }
            ],
        }
    )
    dlt_lake.run("events", source, pipelines_dir)


if __name__ == "__main__":
    main(sys.argv[1])
