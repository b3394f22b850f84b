"""Retries without their waits: what is tested is that they are made, not how long they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from botocore.retries.standard import ExponentialBackoff


@contextmanager
def without_waiting() -> Iterator[None]:
    """Neither boto3 nor our own retries wait, in this process."""
    with ExitStack() as patches:
        patches.enter_context(patch.object(ExponentialBackoff, "delay_amount", lambda self, context: 0.0))
        patches.enter_context(patch("ingest.retry.backoff", lambda first, longest, state: 0.001))
        yield
