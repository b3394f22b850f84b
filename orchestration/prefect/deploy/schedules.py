"""A schedule's times: the last change wins, whether it was made in the settings or in Prefect's UI.

What the settings said at the last registration is kept in a variable of Prefect. Where they say something else now,
they were changed since, and the schedule becomes theirs. Where they say the same, whatever Prefect has stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, VariableCreate, VariableUpdate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

from orchestration.prefect.deploy.deployments import DeploymentSpec, Schedules, ScheduleSpec
from orchestration.runtime.names import WORK_POOL

VARIABLE = f"{WORK_POOL}_schedules".replace("-", "_")
"""The variable's name in Prefect, which takes no hyphens."""
_OF_OLDER_RELEASES = frozenset({Schedules().incremental, Schedules().maintenance})
"""What releases made that kept no such variable."""


@dataclass(frozen=True)
class MadeSchedules:
    """The cron lines of the last registration, by the deployment's full name."""

    crons: Mapping[str, str]

    @classmethod
    async def read(cls, client: PrefectClient) -> Self:
        """The crons in Prefect's variable; empty if there is none, or if it holds another's text."""
        variable = await client.read_variable_by_name(VARIABLE)
        try:
            said = json.loads(str(variable.value)) if variable is not None else {}
        except ValueError:
            said = {}
        crons = said if isinstance(said, dict) else {}
        return cls({name: cron for name, cron in crons.items() if isinstance(cron, str)})

    async def write(self, client: PrefectClient, specs: Sequence[DeploymentSpec]) -> None:
        """Keep the cron lines of these deployments, beside those of others."""
        told = {spec.full_name: spec.schedule.cron for spec in specs if spec.schedule is not None}
        value = json.dumps({**self.crons, **told}, sort_keys=True)
        if await client.read_variable_by_name(VARIABLE) is None:
            await client.create_variable(VariableCreate(name=VARIABLE, value=value))
        else:
            await client.update_variable(VariableUpdate(name=VARIABLE, value=value))

    def wanted(
        self, name: str, schedule: ScheduleSpec | None, existing: Sequence[DeploymentSchedule] | None
    ) -> list[DeploymentScheduleCreate]:
        """The schedules that deployment `name` is to have; `existing` are those it has, None if it is new."""
        ours = [] if schedule is None else [_cron(schedule.cron)]
        if existing is None:
            return ours
        if schedule is not None and self._was_changed(name, schedule, existing):
            return [_cron(schedule.cron, active=not existing or any(item.active for item in existing))]
        return [DeploymentScheduleCreate(schedule=item.schedule, active=item.active) for item in existing]

    def is_kept(self, name: str, schedule: ScheduleSpec | None, wanted: Sequence[DeploymentScheduleCreate]) -> bool:
        """Whether these differ from the settings."""
        return schedule is not None and [times_of(item) for item in wanted] != [schedule.cron]

    def _was_changed(self, name: str, schedule: ScheduleSpec, existing: Sequence[DeploymentSchedule]) -> bool:
        """Whether the settings have changed since the last registration."""
        if name in self.crons:
            return self.crons[name] != schedule.cron
        return {times_of(item) for item in existing} <= _OF_OLDER_RELEASES


def times_of(item: DeploymentScheduleCreate | DeploymentSchedule) -> str:
    """When a schedule runs, in a few words; a cron line in UTC as it is."""
    schedule = item.schedule
    if isinstance(schedule, CronSchedule):
        return schedule.cron if schedule.timezone in (None, "UTC") else f"{schedule.cron} ({schedule.timezone})"
    if isinstance(schedule, IntervalSchedule):
        return f"every {schedule.interval}"
    return str(schedule)


def _cron(line: str, *, active: bool = True) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(schedule=CronSchedule(cron=line, timezone="UTC"), active=active)
