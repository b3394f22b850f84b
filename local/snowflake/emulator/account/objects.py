"""The objects of an account that are in no database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

SYSTEM_ROLES = ("ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC", "ORGADMIN")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Role:
    name: str
    owner: str = "USERADMIN"
    comment: str = ""
    created_on: datetime = field(default_factory=_now)


@dataclass
class User:
    """A user. `roles` are those granted to it; `all_powerful` is the emulator's own `test`."""

    name: str
    login_name: str
    type: str = "PERSON"
    default_role: str | None = None
    default_warehouse: str | None = None
    default_namespace: str | None = None
    public_keys: dict[int, str] = field(default_factory=dict)
    disabled: bool = False
    comment: str = ""
    email: str = ""
    display_name: str = ""
    password: str | None = None
    all_powerful: bool = False
    created_on: datetime = field(default_factory=_now)


@dataclass
class Warehouse:
    name: str
    owner: str
    size: str = "X-SMALL"
    auto_suspend: int = 600
    auto_resume: bool = True
    suspended: bool = False
    statement_timeout_seconds: int | None = None
    comment: str = ""
    created_on: datetime = field(default_factory=_now)


@dataclass
class StorageIntegration:
    """A storage integration for S3."""

    name: str
    owner: str
    role_arn: str
    allowed_locations: tuple[str, ...]
    blocked_locations: tuple[str, ...] = ()
    enabled: bool = True
    comment: str = ""

    def allows(self, url: str) -> bool:
        """Whether a stage of this integration may point at `url`."""
        inside = any(location == "*" or url.startswith(location) for location in self.allowed_locations)
        return self.enabled and inside and not self.blocks(url)

    def blocks(self, url: str) -> bool:
        """Whether a file or a place is one that no stage of this integration may read."""
        return any(url.startswith(location) for location in self.blocked_locations)
