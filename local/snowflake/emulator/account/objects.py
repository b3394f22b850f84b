"""Objects of an account that belong to no database."""

from __future__ import annotations

from dataclasses import dataclass, field

SYSTEM_ROLES = ("ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC", "ORGADMIN")


@dataclass
class Role:
    name: str


@dataclass
class User:
    """A user with up to two public keys. `all_powerful` is the emulator's own user `test`.

    With `secondary_roles`, a session has the privileges of all roles of its user, whichever role it is in. That is
    Snowflake's default since the behaviour change of 2024_08.
    """

    name: str
    default_role: str | None = None
    secondary_roles: bool = True
    parameters: dict[str, str] = field(default_factory=dict)
    """Session parameters that the user's sessions begin with."""
    public_keys: dict[int, str] = field(default_factory=dict)
    disabled: bool = False
    password: str | None = None
    all_powerful: bool = False


@dataclass
class Warehouse:
    """A warehouse. Its properties are only stored: no warehouse computes, and none suspends itself."""

    name: str
    owner: str
    auto_resume: bool = True
    suspended: bool = False
    size: str = "X-Small"
    auto_suspend: int | None = 600
    generation: str = "2"
    accelerated: bool = True
    monitor: str | None = None


@dataclass
class ResourceMonitor:
    name: str
    owner: str
    credit_quota: int = 0


@dataclass
class StorageIntegration:
    """A storage integration for S3."""

    name: str
    owner: str
    role_arn: str
    allowed_locations: tuple[str, ...]
    blocked_locations: tuple[str, ...] = ()
    enabled: bool = True
    provider: str = "S3"

    def allows(self, url: str) -> bool:
        """Return whether a stage of this integration may point at `url`."""
        inside = any(location == "*" or url.startswith(location) for location in self.allowed_locations)
        return self.enabled and inside and not self.blocks(url)

    def blocks(self, url: str) -> bool:
        """Return whether a stage of this integration must not read `url`."""
        return any(url.startswith(location) for location in self.blocked_locations)
