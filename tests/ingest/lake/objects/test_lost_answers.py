"""A commit whose response was lost: the run finds it again, continues from it, and reports it; nothing is
landed twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.lake.log import CommitLog
from ingest.run.runner import open_ingestion
from local.servers.s3_server import S3Server
from tests.ingest.lake.s3_proxy import Fault, S3Proxy, s3_proxy
from tests.ingest.run.world import ITEMS, World
from tests.ingest.sources.api.fake_provider import fake_provider, good_event


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    with s3_proxy(s3_server) as running:
        yield running


def run_with_a_lost_answer(world: World, contract: StreamContract, proxy: S3Proxy) -> None:
    """Do a run whose first commit is stored, but whose response never arrives. boto3 itself does not retry."""
    proxy.expect(Fault("PUT", path_end="/00000000000000000001.json"))
    store = proxy.store(world.settings.lake.bucket)
    with open_ingestion(world.settings, [contract], "the run", store=store) as run:
        result = run.ingest(contract.stream, keys=False, count=False)

    assert proxy.struck
    (commit,) = CommitLog(world.store, contract.stream).since(0)
    assert result.commits == (commit,)
    assert result.rows_landed == commit.rows == 3
    assert result.watermark_before is None
    assert result.watermark_after == commit.watermark.after


def test_a_postgres_stream(source_world: World, proxy: S3Proxy) -> None:
    source_world.execute(f"{ITEMS}; insert into items values (1, 'a'), (2, 'b'), (3, 'c')")
    run_with_a_lost_answer(source_world, source_world.contract("items"), proxy)


def test_a_provider_stream(source_world: World, proxy: S3Proxy) -> None:
    contract = ContractRegistry.load()["email_events"]
    with fake_provider() as provider:
        provider.records = [good_event(number) for number in range(3)]
        settings = source_world.settings.model_copy(
            update={"saas_base_url": provider.base_url, "saas_api_key": SecretStr("key")}
        )
        run_with_a_lost_answer(World(settings, source_world.connection, source_world.store), contract, proxy)
