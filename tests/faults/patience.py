"""Retries without their waits: tests check that they happen, not how long they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from botocore.retries.standard import ExponentialBackoff


@contextmanager
def without_waiting() -> Iterator[None]:
    """Make boto3 and our own retries skip their waits in this process."""
    with ExitStack() as patches:
        patches.enter_context(patch.object(ExponentialBackoff, "delay_amount", lambda self, context: 0.0))
        patches.enter_context(patch("ingest.retry.backoff", lambda first, longest, state: 0.001))
        yield
