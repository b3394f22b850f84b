"""S3 misbehaves, at random and for long: every row still arrives once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ingest.errors import TransientError
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from tests.chaos.campaign import Order
from tests.chaos.line import Ground
from tests.faults import s3_campaign


@pytest.mark.slow
def test_a_storm_over_s3_loses_and_doubles_nothing(ground: Ground) -> None:
    s3_campaign.run(ground, Order(seed=1, scale=0.1)).require_passed()


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_store_that_takes_the_call_and_never_answers_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ingest.lake.objects.s3._READ_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = ObjectStore(LakeSettings(bucket="lake", endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}"))
        (tmp_path / "file").write_bytes(b"content")
        calls = (
            lambda: store.get("key"),
            lambda: store.put_if_absent("key", b"content"),
            lambda: store.upload(tmp_path / "file", "key", "ab" * 32),
            lambda: store.download("key", tmp_path / "copy", "ab" * 32),
            lambda: list(store.list("")),
        )
        for call in calls:
            with pytest.raises(TransientError, match="does not answer"):
                call()
