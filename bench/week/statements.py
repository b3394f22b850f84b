"""The number of statements that dbt sends Snowflake for each node. It depends only on the kind of node.

The simulated week builds in DuckDB, to which dbt sends other statements. The numbers were counted in an emulated
account, and tests/snowflake/dbt/test_statements.py checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OF_A_RUN = 16
"""Of no node: which schemas there are, and what is in each; of RAW twice, where two nodes ask at once."""
_OF_NEWS = {"view": 3, "incremental": 5, "contract": 1, "table": 4, "snapshot": 4}
"""In a run that looks at what is new alone (dbt/macros/dialect/building.sql)."""
_OF_ALL = {"view": 3, "incremental": 13, "replaced": 5, "contract": 7, "table": 4, "snapshot": 21}
"""In a run that looks at everything, which goes dbt's way: once a day."""


def statements(node: Mapping[str, Any], *, everything: bool) -> int:
    """Return the number of statements of an existing node of dbt's manifest, with those of its own hooks."""
    if node["resource_type"] == "test":
        return 1
    config = node["config"]
    kind = str(config["materialized"])
    is_promised = bool((config.get("contract") or {}).get("enforced"))
    count = _own_hooks(config) + (kind == "view" and "new_columns(" in str(node["raw_code"]))
    if kind == "view":
        return count + _OF_NEWS["view"] + 3 * is_promised
    is_replaced = config.get("incremental_strategy") == "replace"
    if not everything:
        return count + _OF_NEWS["contract" if (kind == "table" or is_replaced) and is_promised else kind]
    if kind == "incremental":
        # Two statements compare a contract, and one looks up a mart's grants.
        return count + _OF_ALL["replaced" if is_replaced else kind] + 3 * is_promised
    return count + _OF_ALL["contract" if is_promised else kind]


def _own_hooks(config: Mapping[str, Any]) -> int:
    """Return the number of the model's own hooks that send a statement each time."""
    hooks = [
        hook["sql"] if isinstance(hook, Mapping) else str(hook) for hook in (*_of(config, "pre"), *_of(config, "post"))
    ]
    return sum(any(word in hook for word in ("set_email_salt()", "delete_")) for hook in hooks)


def _of(config: Mapping[str, Any], when: str) -> list[Any]:
    return list(config.get(f"{when}-hook") or config.get(f"{when}_hook") or [])
