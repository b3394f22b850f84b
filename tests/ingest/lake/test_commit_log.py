"""The commit log: versions without gaps, each won by exactly one writer, and found whatever the hint says."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import ConflictError, DamagedLakeError, FatalError, TransientError
from ingest.lake import layout
from ingest.lake.commit import Commit
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.servers.s3_server import S3Server
from tests.ingest.lake.commits import commit_of
from tests.ingest.lake.s3_proxy import Fault, S3Proxy, s3_error, s3_proxy


@pytest.fixture(scope="module")
def store(s3_server: S3Server) -> ObjectStore:
    """One bucket for this file. Each test has a stream of its own."""
    s3_server.create_bucket("log-tests")
    return ObjectStore(LakeSettings(bucket="log-tests", endpoint_url=s3_server.endpoint_url))


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    with s3_proxy(s3_server) as running:
        yield running


@pytest.fixture
def log(store: ObjectStore) -> CommitLog:
    return new_log(store)


def new_log(store: ObjectStore) -> CommitLog:
    return CommitLog(store, f"s{uuid.uuid4().hex[:12]}")


def fill(log: CommitLog, count: int) -> list[Commit]:
    commits = [commit_of(log.stream, version) for version in range(1, count + 1)]
    for commit in commits:
        log.append(commit)
    return commits


def test_an_empty_log_has_no_head(log: CommitLog) -> None:
    assert log.head() is None
    assert log.read(1) is None
    assert list(log.since(0)) == []


def test_commits_are_read_as_they_were_appended(log: CommitLog) -> None:
    commits = fill(log, 4)
    assert list(log.since(0)) == commits
    assert list(log.since(2)) == commits[2:]
    assert list(log.since(4)) == list(log.since(9)) == []
    assert list(log.since(-3)) == commits
    assert log.read(2) == commits[1]
    assert log.head() == commits[3]


def test_streams_do_not_see_each_other(store: ObjectStore) -> None:
    log, other = new_log(store), new_log(store)
    fill(log, 2)
    assert other.head() is None


def test_the_second_writer_of_a_version_loses_and_changes_nothing(log: CommitLog) -> None:
    won = commit_of(log.stream, 1)
    log.append(won)
    with pytest.raises(ConflictError, match="another writer committed version 1 first") as caught:
        log.append(commit_of(log.stream, 1))
    assert caught.value.stream == log.stream
    assert caught.value.exit_code == 3
    assert list(log.since(0)) == [won]


def test_appending_the_same_commit_again_is_no_conflict(log: CommitLog) -> None:
    commit = commit_of(log.stream, 1)
    log.append(commit)
    log.append(commit)
    assert list(log.since(0)) == [commit]


@pytest.mark.parametrize(
    "hint",
    [
        None,
        b'{"version": 1}',
        b'{"version": 2}',
        b'{"version": 3}',
        b'{"version": 4}',
        b'{"version": 900}',
        b'{"version": 0}',
        b'{"version": -7}',
        b'{"version": 99999999999999999999}',
        b'{"version": 1e300}',
        b'{"version": 2.5}',
        b'{"version": "2"}',
        b'{"version": "two"}',
        b'{"version": null}',
        b'{"version": true}',
        b'{"Version": 3}',
        b"[3]",
        b"3",
        b"",
        b"\xff\x00 garbage",
    ],
)
def test_the_head_is_found_whatever_the_hint_says(hint: bytes | None, log: CommitLog, store: ObjectStore) -> None:
    commits = fill(log, 3)
    if hint is None:
        store.delete([layout.latest_key(log.stream)])
    else:
        store.put(layout.latest_key(log.stream), hint)
    assert log.head() == commits[2]


def test_the_head_is_found_though_the_hint_is_not_what_was_written(
    log: CommitLog, store: ObjectStore, s3_server: S3Server
) -> None:
    """The store may have been killed while it overwrote the older hint."""
    commits = fill(log, 2)
    s3_server.client().put_object(
        Bucket=store.bucket, Key=layout.latest_key(log.stream), Body=b'{"version": 2}', Metadata={"sha256": "0" * 64}
    )
    assert log.head() == commits[1]


def test_a_hint_without_any_commit_is_no_head(log: CommitLog, store: ObjectStore) -> None:
    store.put(layout.latest_key(log.stream), b'{"version": 5}')
    assert log.head() is None


def test_an_object_that_is_no_commit_is_named(log: CommitLog, store: ObjectStore) -> None:
    store.put(layout.commit_key(log.stream, 1), b'{"version": 1}')
    with pytest.raises(FatalError, match=rf"s3://log-tests/_log/{log.stream}/0{{19}}1\.json is not a commit") as caught:
        log.head()
    assert caught.value.stream == log.stream


def test_a_commit_stands_though_its_hint_could_not_be_written(proxy: S3Proxy, log: CommitLog) -> None:
    """If the commit exists, its batch counts, so no failure may be reported."""
    log.append(commit_of(log.stream, 1))
    proxy.expect(Fault("PUT", 503, s3_error("SlowDown"), path_end="/_latest.json"))
    second = commit_of(log.stream, 2)
    with structlog.testing.capture_logs() as logs:
        CommitLog(proxy.store("log-tests"), log.stream).append(second)
    assert proxy.struck
    assert [(line["log_level"], line["stream"], line["version"]) for line in logs] == [("warning", log.stream, 2)]
    assert log.head() == second


def test_a_commit_whose_answer_was_lost_is_found_by_the_next_try(proxy: S3Proxy, log: CommitLog) -> None:
    commit = commit_of(log.stream, 1)
    proxy.expect(Fault("PUT", path_end="0001.json"))
    unlucky = CommitLog(proxy.store("log-tests"), log.stream)
    with pytest.raises(TransientError):
        unlucky.append(commit)
    assert log.head() == commit
    unlucky.append(commit)
    assert list(log.since(0)) == [commit]


steps = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["look", "append", "hint lost"])), max_size=12)


@given(steps)
@settings(max_examples=15)
def test_any_interleaving_of_two_writers_yields_a_gapless_log_each_version_won_by_one(
    store: ObjectStore, steps: list[tuple[str, str]]
) -> None:
    """A writer looks for the head, and later appends on top of what it saw then, knowing that it won or lost."""
    log = new_log(store)
    seen = {"a": 0, "b": 0}
    won: dict[int, str] = {}
    lost: list[str] = []
    for writer, step in steps:
        if step == "hint lost":
            store.delete([layout.latest_key(log.stream)])
        elif step == "look":
            head = log.head()
            seen[writer] = head.version if head else 0
        else:
            batch = f"{writer}{uuid.uuid4().hex}"
            try:
                log.append(commit_of(log.stream, seen[writer] + 1, batch_id=batch))
            except ConflictError:
                lost.append(batch)
            else:
                won[seen[writer] + 1] = batch
                seen[writer] += 1

    committed = {commit.version: commit.batch_id for commit in log.since(0)}
    assert committed == won
    assert sorted(committed) == list(range(1, len(committed) + 1))
    assert not set(lost) & set(committed.values())
    head = log.head()
    assert (head.version if head else 0) == len(committed)


def test_writers_that_race_in_threads_win_each_version_once(store: ObjectStore) -> None:
    log = new_log(store)
    writers, versions = 4, 5
    start = Barrier(writers)

    def write(name: str) -> list[tuple[int, str]]:
        won = []
        start.wait()
        while (head := log.head()) is None or head.version < versions:
            following = (head.version if head else 0) + 1
            commit = commit_of(log.stream, following, batch_id=f"{name}-{following}")
            try:
                log.append(commit)
            except ConflictError:
                continue
            won.append((following, commit.batch_id))
        return won

    with ThreadPoolExecutor(writers) as pool:
        won = [entry for entries in pool.map(write, "abcd") for entry in entries]

    committed = [(commit.version, commit.batch_id) for commit in log.since(0)]
    assert sorted(won) == committed
    assert [version for version, _ in committed] == list(range(1, len(committed) + 1))


def test_a_commit_is_the_same_after_the_round_trip() -> None:
    commit = commit_of("things", 7)
    assert Commit.decode(commit.encode()) == commit
    assert Commit.decode(commit.encode()).encode() == commit.encode()


def test_keys_sort_by_version() -> None:
    keys = [layout.commit_key("things", version) for version in (1, 9, 10, 99, 100, 10**12)]
    assert keys == sorted(keys)
    assert [layout.version_of(key) for key in keys] == [1, 9, 10, 99, 100, 10**12]
    assert layout.version_of(layout.latest_key("things")) is None


def damage(store: ObjectStore, log: CommitLog, version: int, how: str) -> None:
    """Delete a commit, or replace it by another object."""
    key = layout.commit_key(log.stream, version)
    body = store.get(key)
    assert body is not None
    store.delete([key])
    others = {
        "truncated": body[: len(body) // 2],
        "another number": commit_of(log.stream, version + 1).encode(),
        "another stream": commit_of("another", version).encode(),
        "another shape": b'{"version": 1}',
    }
    if how != "missing":
        store.put(key, others[how])


@pytest.mark.parametrize("how", ["missing", "truncated", "another number", "another stream", "another shape"])
@pytest.mark.parametrize("version", [1, 3, 4])
def test_a_damaged_commit_is_told_by_name_to_whoever_reads_the_log(
    log: CommitLog, store: ObjectStore, how: str, version: int
) -> None:
    commits = fill(log, 5)
    damage(store, log, version, how)
    with pytest.raises(DamagedLakeError, match="Restore the object from the bucket's versions") as caught:
        log.whole()
    assert caught.value.stream == log.stream
    assert caught.value.exit_code == 2
    with pytest.raises(DamagedLakeError):
        log.whole(version + 1)
    assert log.whole(version - 1) == commits[: version - 1]
    reader = log.since(0)
    assert [next(reader) for _ in range(version - 1)] == commits[: version - 1]
    with pytest.raises(DamagedLakeError):
        next(reader)
    assert list(log.since(version)) == commits[version:]
    if how == "missing":
        with pytest.raises(DamagedLakeError, match=rf"version {version} is missing in the lake's log"):
            log.head()


@pytest.mark.parametrize("how", ["truncated", "another number", "another stream"])
def test_a_newest_commit_that_is_not_its_keys_is_no_head(log: CommitLog, store: ObjectStore, how: str) -> None:
    fill(log, 3)
    damage(store, log, 3, how)
    with pytest.raises(DamagedLakeError):
        log.head()


def test_a_newest_commit_that_is_gone_was_never_there(log: CommitLog, store: ObjectStore) -> None:
    """Only a hint contradicts it. The next run reads its window again, and a warehouse that loaded it reports it."""
    commits = fill(log, 3)
    damage(store, log, 3, "missing")
    assert log.head() == commits[1]


def test_a_run_looks_for_gaps_near_the_newest_version_and_lists_no_more(
    log: CommitLog, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 6)
    monkeypatch.setattr("ingest.lake.log._LOOKED_BACK", 3)
    damage(store, log, 2, "missing")
    newest = log.head()
    assert newest is not None
    assert newest.version == 6
    damage(store, log, 4, "missing")
    with pytest.raises(DamagedLakeError, match="version 4 is missing"):
        log.head()
