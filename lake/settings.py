"""The settings of the lake's server: environment variables.

It uses only the standard library: the image has no pydantic.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class SettingsError(ValueError):
    """A variable is missing or wrong."""


@dataclass(frozen=True)
class LakeServerSettings:
    """The server's address and folder. `reserve` is free space (bytes) that no write may use."""

    bucket: str
    region: str
    host: str
    port: int
    data: Path
    reserve: int

    @classmethod
    def from_environment(cls) -> Self:
        """Read RAW_BUCKET, AWS_REGION, LAKE_HOST, LAKE_PORT, S3_DATA_DIR and LAKE_RESERVE_BYTES. Raises
        SettingsError.
        """
        bucket = os.environ.get("RAW_BUCKET", "")
        if not bucket:
            raise SettingsError("RAW_BUCKET is not set: name the bucket to serve")
        return cls(
            bucket=bucket,
            region=os.environ.get("AWS_REGION") or "eu-central-1",
            host=os.environ.get("LAKE_HOST") or "0.0.0.0",  # noqa: S104 - a container's, published on loopback
            port=_number("LAKE_PORT", 4566),
            data=Path(os.environ.get("S3_DATA_DIR") or "/data"),
            reserve=_number("LAKE_RESERVE_BYTES", 16 * 2**20),
        )


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal():
        raise SettingsError(f"{variable} is no number: {text!r}")
    return int(text)
