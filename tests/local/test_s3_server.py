"""The S3 endpoint keeps the one promise that the commit log needs: of two first writers, one wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.servers.s3_app import ConditionalWrites
from local.servers.s3_server import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BUCKET = "conditional-writes"
ROUNDS = 60
WRITERS = 2


@pytest.fixture(scope="module")
def clients(s3_server: S3Server) -> list[S3Client]:
    s3_server.create_bucket(BUCKET)
    return [s3_server.client() for _ in range(WRITERS)]


def test_write_if_absent_answers_412_where_the_key_exists(clients: list[S3Client]) -> None:
    clients[0].put_object(Bucket=BUCKET, Key="once", Body=b"first", IfNoneMatch="*")

    with pytest.raises(ClientError) as refusal:
        clients[1].put_object(Bucket=BUCKET, Key="once", Body=b"second", IfNoneMatch="*")

    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert clients[0].get_object(Bucket=BUCKET, Key="once")["Body"].read() == b"first"


def test_of_two_first_writers_exactly_one_wins(clients: list[S3Client]) -> None:
    together = Barrier(WRITERS)

    def write(client: S3Client, writer: int, key: str) -> bool:
        together.wait()
        try:
            client.put_object(Bucket=BUCKET, Key=key, Body=str(writer).encode(), IfNoneMatch="*")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 412  # noqa: PT017 - inside a thread
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        for number in range(ROUNDS):
            key = f"_log/race/{number:020}.json"
            won = list(pool.map(write, clients, range(WRITERS), [key] * WRITERS))

            assert sum(won) == 1
            body = clients[0].get_object(Bucket=BUCKET, Key=key)["Body"].read()
            assert body == str(won.index(True)).encode()


def test_unconditional_writes_replace(clients: list[S3Client]) -> None:
    for body in (b"old", b"new"):
        clients[0].put_object(Bucket=BUCKET, Key="_latest.json", Body=body)

    assert clients[0].get_object(Bucket=BUCKET, Key="_latest.json")["Body"].read() == b"new"


@pytest.mark.parametrize(
    ("method", "conditions", "met"),
    [
        ("PUT", {"HTTP_IF_NONE_MATCH": "*"}, False),
        ("POST", {"HTTP_IF_NONE_MATCH": "*"}, False),  # the end of a multipart upload
        ("PUT", {"HTTP_IF_MATCH": '"etag"'}, False),
        ("PUT", {}, True),
        ("GET", {"HTTP_IF_NONE_MATCH": '"etag"'}, True),
    ],
)
def test_conditional_writes_alone_never_meet(method: str, conditions: dict[str, str], met: bool) -> None:
    """Between look and write, each request waits for the other one: it comes, unless they go one by one."""
    between_look_and_write = Barrier(2)

    def application(_environ: dict[str, Any], _start_response: Any) -> list[bytes]:
        try:
            between_look_and_write.wait(timeout=0.5)
        except BrokenBarrierError:
            return [b"alone"]
        return [b"met"]

    server = ConditionalWrites(application)
    environ = {"REQUEST_METHOD": method, **conditions}
    with ThreadPoolExecutor(2) as pool:
        answers = [call.result() for call in [pool.submit(server, environ, None) for _ in range(2)]]

    assert answers == [[b"met" if met else b"alone"]] * 2


def test_listings_are_in_the_order_of_bytes_page_by_page(clients: list[S3Client]) -> None:
    client = clients[0]
    names = [f"list/{name}" for name in ("b", "a/2", "a/10", "\uffee", "\U0001f4e6", "a b", "z")]
    for name in (*names, "elsewhere", "list/gone"):
        client.put_object(Bucket=BUCKET, Key=name, Body=b"")
    client.delete_object(Bucket=BUCKET, Key="list/gone")
    ordered = sorted(names, key=str.encode)

    def listed(**options: Any) -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": 2}, **options
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    assert listed() == ordered
    assert [listed(StartAfter=name) for name in ordered] == [ordered[at:] for at in range(1, len(ordered) + 1)]
    assert listed(StartAfter="list/a/1") == ordered[ordered.index("list/a/10") :]
    folders = client.list_objects_v2(Bucket=BUCKET, Prefix="list/", Delimiter="/")["CommonPrefixes"]
    assert folders == [{"Prefix": "list/a/"}]
