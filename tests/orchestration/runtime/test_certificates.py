"""Clients of one process share the authorities' certificates, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from orchestration.runtime import certificates


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The files of certificates that were read."""
    files: list[Any] = []
    make = certificates._make

    def noted(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        files.append(verify)
        return make(verify=verify, cert=cert, trust_env=trust_env)

    monkeypatch.setattr(certificates, "_make", noted)
    monkeypatch.setattr(certificates.transports, "create_ssl_context", noted)
    certificates._made.cache_clear()
    yield files
    certificates._made.cache_clear()


def test_each_file_is_read_once(read: list[Any]) -> None:
    certificates.read_certificates_once()
    for verify in (True, True, False, True, False):
        httpx.Client(verify=verify, trust_env=False).close()
    assert read == [True, False]


def test_a_context_of_one_s_own_is_used_as_it_is(read: list[Any]) -> None:
    certificates.read_certificates_once()
    own = certificates._made(False, False)
    for _ in range(2):
        httpx.Client(verify=own, trust_env=False).close()
    assert read == [False, own, own]
