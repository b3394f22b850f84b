"""The stack's own environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.settings import REPOSITORY, LocalSettings


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTGRES_BIN", raising=False)

    assert LocalSettings().postgres_bin is None
    assert LocalSettings().state == REPOSITORY / ".local"
    assert (REPOSITORY / "pyproject.toml").exists()


@pytest.mark.parametrize(("value", "expected"), [("wheel", "wheel"), ("/opt/postgres/bin", Path("/opt/postgres/bin"))])
def test_postgres_bin_is_a_directory_or_the_wheel(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: Path | str
) -> None:
    monkeypatch.setenv("POSTGRES_BIN", value)

    assert LocalSettings().postgres_bin == expected
