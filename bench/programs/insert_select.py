"""The lower bound for loading: one INSERT from the Parquet files, into a table that an earlier statement has made.

python -m bench.programs.insert_select DATABASE.duckdb TABLE URI...    boto3's variables in the environment
"""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import duckdb


def main(database: str, table: str, uris: list[str]) -> None:
    """Make the table and fill it."""
    endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
    with duckdb.connect(database) as connection:
        extension = (
            files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
        )
        connection.execute(f"LOAD '{extension}'")
        connection.execute(
            "CREATE SECRET lake (TYPE s3, PROVIDER config, KEY_ID ?, SECRET ?, REGION ?, ENDPOINT ?, URL_STYLE path, "
            "USE_SSL false)",
            [*(os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")), endpoint],
        )
        connection.execute(f"CREATE TABLE {table} AS SELECT * FROM read_parquet(?) LIMIT 0", [uris])  # noqa: S608
        connection.execute(f"INSERT INTO {table} SELECT * FROM read_parquet(?)", [uris])  # noqa: S608
        [(rows,)] = connection.fetchall()
    Path(database).with_suffix(".rows").write_text(str(rows))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
