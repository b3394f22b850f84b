"""Checks of the provider's API: it takes only our key, its clock is right, and settled records do not change."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.doctor.clocks import skew_seen
from ingest.errors import AccessError
from ingest.findings import Check, NotSeenError, Seen, wrong
from ingest.lake.commit import Window
from ingest.retry import WaitBudget
from ingest.settings import IngestSettings
from ingest.sources.api.http import ApiClient, server_time
from ingest.sources.api.records import Record
from ingest.sources.api.saas import SaasStream

_NO_KEY = "doctor-knows-no-key"
_LOOK_BACK = timedelta(hours=1)
_PAUSE_SECONDS = 3.0
_WAIT_SECONDS = 15.0


@dataclass(frozen=True)
class Api:
    """The API that the settings name, and the contracts of the streams that are read from it."""

    settings: IngestSettings
    contracts: Sequence[StreamContract]
    pause_seconds: float = _PAUSE_SECONDS
    """Between two looks at the same window."""

    def checks(self) -> Iterator[Check]:
        """Yield all checks of the API."""
        for contract in self.contracts:
            yield Check(
                f"api: {contract.stream}",
                f"{contract.source_object} takes our key",
                lambda contract=contract: self._answers(contract),  # type: ignore[misc]
            )
        if not self.contracts:
            return
        yield Check("api: another key", "refused", self._another_key_is_refused)
        yield Check("api: clock", "in each answer's Date, within 30 s of this machine's", self._clock)
        yield Check("api: settling time", "at least a second: younger records are not final", self._settling)
        for contract in self.contracts:
            yield Check(
                f"api: settled {contract.stream}",
                f"the same {self.pause_seconds:g} s later",
                lambda contract=contract: self._stays(contract),  # type: ignore[misc]
            )

    def _answers(self, contract: StreamContract) -> Seen:
        with self._client() as client:
            client.get(contract.source_object, {"limit": 1})
        return Seen("it does")

    def _another_key_is_refused(self) -> Seen:
        path = self.contracts[0].source_object
        try:
            with ApiClient(self.settings.saas_base_url, SecretStr(_NO_KEY)) as client:
                client.get(path, {"limit": 1})
        except AccessError:
            return Seen("refused")
        return wrong(
            "the API answers whatever key is sent",
            "What is behind SAAS_BASE_URL asks for no key: is it the provider, and not a cache or a test's server?",
        )

    def _clock(self) -> Seen:
        with self._client() as client:
            answer = client.get(self.contracts[0].source_object, {"limit": 1})
        if "Date" not in answer.headers:
            return wrong("no Date in the answer", "Windows end by this machine's clock then: keep it right.")
        return skew_seen(server_time(answer), "the provider's clock")

    def _settling(self) -> Seen:
        seconds = self.settings.saas_settling_seconds
        if seconds < 1:
            return wrong(
                f"{seconds:g} s",
                "Set SAAS_SETTLING_SECONDS to what the provider documents: what appears late would never be read.",
            )
        return Seen(f"{seconds:g} s")

    def _stays(self, contract: StreamContract) -> Seen:
        """Read the newest settled hour twice, and check that the records are the same."""
        with self._client() as client:
            stream = SaasStream(
                client,
                contract,
                page_size=self.settings.saas_page_size,
                budget=WaitBudget(_WAIT_SECONDS, "the doctor's budget"),
            )
            end = stream.settled_until(timedelta(seconds=self.settings.saas_settling_seconds))
            window = Window(start=end - _LOOK_BACK, end=end)
            first = _newest_page(stream, window)
            if not first:
                raise NotSeenError(f"nothing came in the hour before {end:%Y-%m-%d %H:%M:%S} UTC")
            time.sleep(self.pause_seconds)
            second = _newest_page(stream, window)
        if first != second:
            return wrong(
                f"{len(first)} records, {len(second)} a moment later, or others",
                "Raise SAAS_SETTLING_SECONDS: the provider still changes what counts as final.",
            )
        return Seen(f"{len(first)} records, unchanged")

    def _client(self) -> ApiClient:
        return ApiClient(
            self.settings.saas_base_url, self.settings.saas_api_key, answer_bytes=self.settings.saas_answer_bytes
        )


def _newest_page(stream: SaasStream, window: Window) -> Sequence[Record]:
    """Return the first page of the window's records, to the byte."""
    return next((page.records for page in stream.pages(window)), [])
