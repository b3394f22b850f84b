"""Steps on a lake that several cases share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import pyarrow.parquet as pq

from bench.measure import BenchError, Command
from bench.tables import STREAM
from bench.world import CONTRACTS, Lake, World, python
from ingest.lake.commit import Commit
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.servers.s3_server import REGION


@contextmanager
def ingest_movements_anew(world: World, rows: int) -> Iterator[Command]:
    """Yield `ingest run` of the movements into an empty lake. Afterwards all rows must be committed."""
    with world.lake() as lake:
        yield ingest_movements(world, lake, rows)
        require_rows(lake, STREAM, rows)


def ingest_movements(world: World, lake: Lake, rows: int) -> Command:
    """Return `ingest run` over the table of `rows` rows."""
    variables = {"POSTGRES_DSN": world.movements.dsn(rows), "CONTRACTS_DIR": str(CONTRACTS)}
    return Command([python(), "-m", "ingest", "run"], world.environment(lake.environment, variables))


def require_rows(lake: Lake, stream: str, rows: int) -> None:
    """Raise BenchError unless the stream's commits hold exactly `rows` rows."""
    landed = sum(commit.rows for commit in commits(lake, stream))
    if landed != rows:
        raise BenchError(f"{landed:,} rows of {stream} were committed, not {rows:,}")


def require_parquet_rows(lake: Lake, prefix: str, rows: int) -> None:
    """Raise BenchError unless the Parquet files of a peer under `prefix` hold exactly `rows` rows."""
    client = lake.server.client()
    listed = client.list_objects_v2(Bucket=lake.bucket, Prefix=prefix).get("Contents", [])
    bodies = (client.get_object(Bucket=lake.bucket, Key=item["Key"])["Body"].read() for item in listed)
    found = sum(pq.read_metadata(BytesIO(body)).num_rows for body in bodies)
    if found != rows:
        raise BenchError(f"the peer wrote {found:,} rows, not {rows:,}")


def commits(lake: Lake, stream: str) -> list[Commit]:
    """Return all commits of a stream."""
    return list(_log(lake, stream).since(0))


def newest(lake: Lake, stream: str) -> Commit:
    """Return the newest commit of a stream that has at least one."""
    head = _log(lake, stream).head()
    if head is None:
        raise BenchError(f"{stream} has no commit")
    return head


def _log(lake: Lake, stream: str) -> CommitLog:
    return CommitLog(_store(lake), stream)


def _store(lake: Lake) -> ObjectStore:
    settings = LakeSettings(bucket=lake.bucket, endpoint_url=lake.server.endpoint_url, region=REGION)
    return ObjectStore(settings, lake.server.client())
