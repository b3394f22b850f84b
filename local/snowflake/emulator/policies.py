"""Masking policies, recorded."""

from __future__ import annotations

from dataclasses import dataclass

from local.snowflake.emulator.catalog import ObjectName


@dataclass
class MaskingPolicy:
    """`body` over the argument `argument` of type `type`, both as Snowflake's SQL."""

    name: ObjectName
    owner: str
    argument: str
    type: str
    body: str
    comment: str = ""
