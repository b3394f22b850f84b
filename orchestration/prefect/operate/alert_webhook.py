"""A Prefect block that calls a webhook with Slack-compatible JSON.

Prefect 2.20.4 cannot do that: its `call-webhook` action sends a JSON string instead of an object, and its custom
webhook is called again and again without a pause if the receiver answers with an error.

The server runs the block, so it must import it, as `orchestration.prefect.operate.server` does. Another server of the
same release of Prefect imports it with PREFECT_EXTRA_ENTRYPOINTS=orchestration.prefect.operate.alert_webhook.
"""

from __future__ import annotations

import asyncio

import httpx
from prefect.blocks.abstract import NotificationBlock, NotificationError
from pydantic.v1 import Field, SecretStr

from ingest.retry_policies import ALERT
from orchestration.prefect.operate import receiver

BLOCK_TYPE = "alert-webhook"
_TIMEOUT_SECONDS = 5.0


class AlertWebhook(NotificationBlock):
    """Calls a webhook with `{"text": ...}`, as Slack, Mattermost and others take it."""

    _block_type_name = "Alert Webhook"
    _block_type_slug = BLOCK_TYPE

    url: SecretStr = Field(
        default=..., title="Webhook URL", description="The URL that alerts are sent to. It is a secret."
    )

    async def notify(self, body: str, subject: str | None = None) -> None:
        """Send `body`, with retries. Raises NotificationError, whose message does not show the URL."""
        async with receiver.client(timeout=_TIMEOUT_SECONDS) as client:
            problem = await self._send(client, body)
            for _ in range(ALERT.further_tries):
                if problem is None:
                    return
                await asyncio.sleep(ALERT.first_wait)
                problem = await self._send(client, body)
        if problem is None:
            return
        raise NotificationError(f"the alert did not reach its receiver: {problem}")

    async def _send(self, client: httpx.AsyncClient, body: str) -> str | None:
        """Send `body` once. Return the problem if it may pass, else None.

        Raises NotificationError if the receiver refused it.
        """
        try:
            answer = await client.post(self.url.get_secret_value(), json={"text": body})
        except receiver.ReceiverError as error:
            raise NotificationError(str(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        if answer.is_success:
            return None
        problem = f"it answered {answer.status_code}"
        if answer.status_code < 500 and answer.status_code != 429:
            raise NotificationError(f"the alert was refused: {problem}")
        return problem
