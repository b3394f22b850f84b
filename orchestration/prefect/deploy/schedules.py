"""A schedule's times: the last change wins, whether it was made in the settings or in Prefect's UI.

A variable in Prefect keeps the settings of the last registration. If the settings differ from it, they were changed
since, and the schedule takes their times. If they are the same, Prefect's schedule stays.
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
        """Return the cron lines in Prefect's variable; empty if there is none, or if it holds a foreign text."""
        variable = await client.read_variable_by_name(VARIABLE)
        try:
            said = json.loads(str(variable.value)) if variable is not None else {}
        except ValueError:
            said = {}
        crons = said if isinstance(said, dict) else {}
        return cls({name: cron for name, cron in crons.items() if isinstance(cron, str)})

    async def write(self, client: PrefectClient, specs: Sequence[DeploymentSpec]) -> None:
        """Write the cron lines of these deployments to the variable, and keep those of other deployments."""
        told = {spec.full_name: spec.schedule.cron for spec in specs if spec.schedule is not None}
        value = json.dumps({**self.crons, **told}, sort_keys=True)
        if await client.read_variable_by_name(VARIABLE) is None:
            await client.create_variable(VariableCreate(name=VARIABLE, value=value))
        else:
            await client.update_variable(VariableUpdate(name=VARIABLE, value=value))

    def wanted(
        self, name: str, schedule: ScheduleSpec | None, existing: Sequence[DeploymentSchedule] | None
    ) -> list[DeploymentScheduleCreate]:
        """Return the schedules that deployment `name` should have.

        `existing` are its present ones, None for a new deployment.
        """
        ours = [] if schedule is None else [_cron(schedule.cron)]
        if existing is None:
            return ours
        if schedule is not None and self._was_changed(name, schedule, existing):
            return [_cron(schedule.cron, active=not existing or any(item.active for item in existing))]
        return [DeploymentScheduleCreate(schedule=item.schedule, active=item.active) for item in existing]

    def is_kept(self, name: str, schedule: ScheduleSpec | None, wanted: Sequence[DeploymentScheduleCreate]) -> bool:
        """Return whether the wanted schedules differ from the settings."""
        return schedule is not None and [times_of(item) for item in wanted] != [schedule.cron]

    def _was_changed(self, name: str, schedule: ScheduleSpec, existing: Sequence[DeploymentSchedule]) -> bool:
        """Return whether the settings have changed since the last registration."""
        if name in self.crons:
            return self.crons[name] != schedule.cron
        return {times_of(item) for item in existing} <= _OF_OLDER_RELEASES


def times_of(item: DeploymentScheduleCreate | DeploymentSchedule) -> str:
    """Describe when a schedule runs, in a few words. A cron line in UTC is returned unchanged."""
    schedule = item.schedule
    if isinstance(schedule, CronSchedule):
        return schedule.cron if schedule.timezone in (None, "UTC") else f"{schedule.cron} ({schedule.timezone})"
    if isinstance(schedule, IntervalSchedule):
        return f"every {schedule.interval}"
    return str(schedule)


def _cron(line: str, *, active: bool = True) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(schedule=CronSchedule(cron=line, timezone="UTC"), active=active)
