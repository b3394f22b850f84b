"""What the AWS role of a storage integration may do, whatever the credentials may that stand for it here.

A role that is called as Terraform calls it has the rights of terraform/modules/raw_lake/snowflake.tf: objects of the
data prefixes, and lists of what is below one of them. A condition on the prefix binds its list, so that a list of the
whole bucket is denied. Any other role may read and list everything.
"""

from __future__ import annotations

from dataclasses import dataclass

DATA_PREFIXES = ("events/", "inventory/")
_OURS = "-snowflake-storage"


@dataclass(frozen=True)
class StorageRole:
    """Prefixes of keys that the role may read and list; empty for all."""

    prefixes: tuple[str, ...] = ()

    @classmethod
    def of(cls, arn: str) -> StorageRole:
        return cls(DATA_PREFIXES if arn.endswith(_OURS) else ())

    def may_read(self, key: str) -> bool:
        return not self.prefixes or key.startswith(self.prefixes)

    def may_list(self, prefix: str) -> bool:
        return self.may_read(prefix)
