"""Possible differences of a real account: behaviour that no documentation settles, each with a name.

`ALTER ACCOUNT SET EMULATED_DOUBTS = 'COPY_ROUNDS'` makes the account behave in that other way, and '' in the usual one.
So tests show that `python -m orchestration.warehouse doctor` would detect the difference.
"""

from __future__ import annotations

from enum import Enum

from local.snowflake.emulator.errors import invalid_property

PARAMETER = "EMULATED_DOUBTS"


class Doubt(Enum):
    """A way in which a real account may differ."""

    COPY_ROUNDS = "a number with more digits after the point than its column is rounded by COPY"
    COPY_REFUSES_EMPTY_TEXT = "an empty text in Parquet is an error, with MATCH_BY_COLUMN_NAME"
    COPY_NULLS_EMPTY_TEXT = "an empty text in Parquet is loaded as NULL"
    COPY_COMMITS = "COPY commits, whatever transaction it is in"
    COPY_ANSWERS_IN_SHORT = "COPY answers with a sentence, and no row a file"
    HISTORY_KEEPS_ROLLED_BACK = "COPY_HISTORY tells of loads that were rolled back"
    HISTORY_IS_LATE = "COPY_HISTORY does not tell yet of what has just been loaded"
    UPDATES_CONFLICT_AT_ONCE = "an UPDATE of what another transaction has updated fails, and does not wait"
    LOCK_TIMEOUT_IGNORED = "a statement waits for a lock until its own timeout"
    UPDATES_LOCK_THE_SCHEMA = "an UPDATE locks all tables of its schema to the transaction's end"
    ROLLBACK_KEEPS_LOCKS = "ROLLBACK gives no lock back; the session's end does"
    COPY_CUTS_TIMES = "COPY keeps three digits of a second"
    BOUND_TIMES_LOSE_THEIR_ZONE = "a bound TIMESTAMP_TZ comes as a TIMESTAMP_NTZ"
    VIEWS_ASK_AS_OWNER = "CURRENT_ROLE() in a view is the role of the view's owner"


class Doubts:
    """The doubts that are set."""

    def __init__(self) -> None:
        self._set: frozenset[Doubt] = frozenset()

    def __contains__(self, doubt: Doubt) -> bool:
        return doubt in self._set

    def set(self, names: str) -> None:
        """Set the doubts named in `names`, separated by blanks. Raises SnowflakeError for an unknown one."""
        for name in names.split():
            if name not in Doubt.__members__:
                raise invalid_property(name, PARAMETER)
        self._set = frozenset(Doubt[name] for name in names.split())
