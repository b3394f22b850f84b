"""The settings of the deployments' registration: environment variables (or a `.env` file)."""

from __future__ import annotations

from prefect.client.schemas.schedules import CronSchedule
from pydantic import Field, SecretStr, field_validator

from ingest.settings import GuardedSettings
from orchestration.prefect.deploy.deployments import Schedules


class DeploySettings(GuardedSettings):
    """Settings of the registration."""

    alert_webhook_url: SecretStr | None = Field(default=None, validation_alias="ALERT_WEBHOOK_URL")
    """The webhook for alerts, in Slack's format; without it none are sent."""
    release: str = Field(default="dev", validation_alias="IMAGE_TAG")
    """The release that the deployments are of: their version in Prefect."""
    incremental_schedule: str = Field(default=Schedules().incremental, validation_alias="INCREMENTAL_SCHEDULE")
    """When `incremental` runs, once it is switched on: a cron line, in UTC."""
    maintenance_schedule: str = Field(default=Schedules().maintenance, validation_alias="MAINTENANCE_SCHEDULE")
    """When `maintenance` runs, once it is switched on."""
    verify_schedule: str = Field(default=Schedules().verify, validation_alias="VERIFY_SCHEDULE")
    """When `verify` runs, once it is switched on."""

    @field_validator("incremental_schedule", "maintenance_schedule", "verify_schedule")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        try:
            CronSchedule(cron=value, timezone="UTC")
        except ValueError:
            raise ValueError("it is no cron line, such as */15 * * * *") from None
        return value

    @property
    def schedules(self) -> Schedules:
        """The schedules of the deployments."""
        return Schedules(
            incremental=self.incremental_schedule, maintenance=self.maintenance_schedule, verify=self.verify_schedule
        )
