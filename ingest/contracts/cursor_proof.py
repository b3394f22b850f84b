"""Proves from a table's triggers that the database itself moves a cursor on every change of a row, or says why not.

Triggers fire before a row is written, in the order of their names, and each gets the row that the one before it
returned. So the cursor moves if one trigger sets it to the clock unconditionally, and no later trigger sets it to
anything else. The catalog does not show what a session does to its triggers (`session_replication_role`, ALTER TABLE
... DISABLE TRIGGER).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.contracts.trigger_code import Value
from ingest.contracts.triggers import Trigger, Written

if TYPE_CHECKING:
    from ingest.contracts.introspect import LiveTable

_PLAIN = "it may only assign fields of NEW, one after the other and without a condition, and then `return new`"
_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}
_KEPT = (Value.CLOCK, Value.IF_NULL)
"""Values that a trigger may give the cursor of a new row. With IF_NULL, a given value stays, as without a trigger."""


def why_not_moved(table: LiveTable, column: str) -> str | None:
    """Return why it is not proved that each change of a row of `table` moves `column`; None if it is proved."""
    if not table.written:
        return "its triggers are not known"
    for relation in table.written:
        reason = _why_not(relation, column)
        if reason is not None:
            where = "" if len(table.written) == 1 else f"in {relation.name}: "
            return where + reason
    return None


def _why_not(relation: Written, column: str) -> str | None:
    if relation.kind in _KINDS:
        return f"it is {_KINDS[relation.kind]}, whose rows are written elsewhere"
    if relation.rewritten:
        return "a rule rewrites the statements that write to it"
    if relation.replicated:
        return "a subscription writes to it, with the publisher's clock and without its triggers"
    return _why_not_on_update(relation, column) or _why_not_on_insert(relation, column)


def _why_not_on_update(relation: Written, column: str) -> str | None:
    firing = [trigger for trigger in relation.triggers if trigger.before and trigger.on_update and trigger.fires]
    if any(trigger.always and trigger.code is not None and trigger.code.refuses for trigger in firing):
        return None
    reason: str | None = _of_what_does_not_fire(relation.triggers, column)
    guard: Trigger | None = None
    """The trigger that moved the cursor if the row differed at that point."""
    for trigger in firing:
        if not trigger.each_row:
            continue
        found = _why_not_by(trigger, column)
        if found is not None:
            reason, guard = found, None
        elif guard is not None and not _changes_nothing(trigger):
            reason, guard = f"trigger '{trigger.name}' may change the row after '{guard.name}' has compared it", None
        if found is None and _sets_clock(trigger, column):
            if trigger.always:
                reason, guard = None, None
            elif trigger.if_changed and reason is not None:
                reason, guard = _of_comparison(trigger, relation), trigger
            elif reason is not None:
                reason = _of_condition(trigger)
    return reason


def _why_not_on_insert(relation: Written, column: str) -> str | None:
    for trigger in relation.triggers:
        if trigger.before and trigger.each_row and trigger.on_insert and trigger.fires:
            if trigger.code is None:
                return _of_unknown_code(trigger)
            if trigger.code.sets.get(column, Value.CLOCK) not in _KEPT:
                return f"trigger '{trigger.name}' sets the cursor of a new row to {trigger.code.sets[column].value}"
    return None


def _why_not_by(trigger: Trigger, column: str) -> str | None:
    """Return why the cursor may have any value after this trigger. Return None if the trigger moves it or leaves it
    alone.
    """
    if trigger.code is None:
        return _of_unknown_code(trigger)
    value = trigger.code.sets.get(column)
    if value in (Value.OTHER, Value.SHADOWED_CLOCK):
        return f"trigger '{trigger.name}' sets it to {value.value}"
    return None


def _sets_clock(trigger: Trigger, column: str) -> bool:
    return trigger.code is not None and trigger.code.sets.get(column) is Value.CLOCK


def _changes_nothing(trigger: Trigger) -> bool:
    return trigger.code is not None and not trigger.code.sets


def _of_unknown_code(trigger: Trigger) -> str:
    return f"the effect of trigger '{trigger.name}' ({trigger.function}) is not certain: {_PLAIN}"


def _of_condition(trigger: Trigger) -> str:
    what = "on updates of some columns" if trigger.of_columns else f"WHEN {trigger.condition}"
    return f"trigger '{trigger.name}' moves it only {what}"


def _of_comparison(trigger: Trigger, relation: Written) -> str | None:
    if relation.changed_exactly or trigger.compares_bytes:
        return None
    return (
        f"trigger '{trigger.name}' moves it only WHEN {trigger.condition}, which treats values that print differently "
        "(such as 1.0 and 1.00) as equal"
    )


def _of_what_does_not_fire(triggers: Sequence[Trigger], column: str) -> str:
    """Return why no trigger moves the cursor, and name the trigger that comes nearest."""
    for trigger in triggers:
        if not _sets_clock(trigger, column):
            continue
        if not trigger.fires:
            how = "disabled" if trigger.mode == "D" else "enabled only for sessions of replication"
            return f"trigger '{trigger.name}', which moves it, is {how}"
        if not trigger.on_update:
            return f"trigger '{trigger.name}' moves it only on inserts"
        if not trigger.before or not trigger.each_row:
            return f"trigger '{trigger.name}' fires {'for each statement' if trigger.before else 'after the update'}"
    return "no trigger sets it before each update"
