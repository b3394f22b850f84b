"""The rights of a storage integration's AWS role, whatever the rights of the credentials that stand for it here.

A role with Terraform's name has the rights of terraform/modules/raw_lake/snowflake.tf: objects of the data prefixes,
and lists below one of them. A condition on the prefix restricts lists, so that a list of the whole bucket is denied.
Any other role may read and list everything.
"""

from __future__ import annotations

from dataclasses import dataclass

DATA_PREFIXES = ("events/", "inventory/")
_OURS = "-snowflake-storage"


@dataclass(frozen=True)
class StorageRole:
    """The key prefixes that the role may read and list; empty for all."""

    prefixes: tuple[str, ...] = ()

    @classmethod
    def of(cls, arn: str) -> StorageRole:
        return cls(DATA_PREFIXES if arn.endswith(_OURS) else ())

    def may_read(self, key: str) -> bool:
        return not self.prefixes or key.startswith(self.prefixes)

    def may_list(self, prefix: str) -> bool:
        return self.may_read(prefix)
