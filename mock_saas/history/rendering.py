"""Renders records as JSON text, including records that break the contract."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import orjson

from mock_saas.history.audience import Audience
from mock_saas.history.campaigns import CampaignLife
from mock_saas.history.cells import CellFactory, Occurrence
from mock_saas.history.lifecycle import PATTERNS, EventType
from mock_saas.history.randomness import ONE_32, SPACE_MESSAGE_ID, Randomness, remix32, scale
from mock_saas.settings import Settings
from mock_saas.timestamps import format_us

USER_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0",
)
HARD_BOUNCES = ((550, "5.1.1 user unknown"), (550, "5.1.2 bad destination system"), (554, "5.7.1 message refused"))
SOFT_BOUNCES = ((452, "4.2.2 mailbox full"), (421, "4.7.0 try again later"), (451, "4.3.0 local error"))

_CACHED_RECIPIENTS = 65_536


class Breakage(IntEnum):
    """The ways in which a record can break the contract."""

    NO_EVENT_ID = 0
    WRONG_TYPE = 1
    UNKNOWN_EVENT_TYPE = 2
    NOT_AN_OBJECT = 3
    NO_RECIPIENT = 4
    UNPARSABLE_OCCURRED_AT = 5


@dataclass(frozen=True)
class Flaw:
    """One way of breaking the contract: its kind, and the variant of this kind."""

    kind: Breakage
    variant: int


NULL = Flaw(Breakage.NOT_AN_OBJECT, 4)
"""The record is ``null``: every such one equals every other."""


class Renderer:
    """Renders occurrences as the JSON texts of the API.

    Formatting by hand is several times faster than building and serialising objects. It is safe because the settings
    only admit addresses and codes that need no escaping in JSON and URLs.
    """

    def __init__(self, settings: Settings, audience: Audience, randomness: Randomness, cells: CellFactory) -> None:
        self._audience = audience
        self._recipient_pattern = settings.recipient_pattern
        self._randomness = randomness
        self._cells = cells
        self.recipient = lru_cache(_CACHED_RECIPIENTS)(self._format_recipient)
        self._types = [[step.type.value for step in pattern.steps] for pattern in PATTERNS]
        self._details: dict[str, Callable[[Occurrence, CampaignLife, str], str]] = {
            EventType.BOUNCED: _bounce,
            EventType.OPENED: _user_agent,
            EventType.CLICKED: _link,
        }

    def render(self, occurrence: Occurrence, flaw: Flaw | None = None, *, drawn: bool = True) -> str:
        """Return the JSON text of a record: broken by ``flaw``, or, if ``drawn``, broken if its own random numbers say
        so.
        """
        text = self._render_whole(occurrence)
        word = remix32(occurrence.traits)
        if flaw is None and drawn and occurrence.broken:
            flaw = drawn_flaw(word)
        return text if flaw is None else orjson.dumps(break_record(orjson.loads(text), flaw, word)).decode()

    def url(self, click: Occurrence) -> str:
        """Return the link that was clicked."""
        return _target(click, self._cells.campaign_of(click), self._message_id(click.message))[0]

    def _message_id(self, message: int) -> str:
        return f"msg_{self._randomness.identifier(SPACE_MESSAGE_ID, message):016x}"

    def _render_whole(self, occurrence: Occurrence) -> str:
        received_us, event, _, occurred_us, message, pattern, step, _, recipient, *_ = occurrence
        type_ = self._types[pattern][step]
        campaign = self._cells.campaign_of(occurrence)
        message_id = self._message_id(message)
        details = self._details.get(type_)
        return (
            f'{{"event_id":"ev_{event:016x}","type":"{type_}","message_id":"{message_id}",'
            f'"campaign_id":"{campaign.campaign_id}",'
            f'"recipient":"{self.recipient(recipient)}",'
            f'"occurred_at":"{format_us(occurred_us)}","received_at":"{format_us(received_us)}"'
            f"{details(occurrence, campaign, message_id) if details else ''}}}"
        )

    def _format_recipient(self, position: int) -> str:
        return self._recipient_pattern.format(n=self._audience.number(position))


def _user_agent(occurrence: Occurrence, _campaign: CampaignLife, _message_id: str) -> str:
    return f',"user_agent":"{USER_AGENTS[(occurrence.traits >> 16 & 0xFF) * len(USER_AGENTS) >> 8]}"'


def _link(occurrence: Occurrence, campaign: CampaignLife, message_id: str) -> str:
    url, sku = _target(occurrence, campaign, message_id)
    return f',"link":{{"url":"{url}","sku":"{sku}"}}{_user_agent(occurrence, campaign, message_id)}'


def _target(occurrence: Occurrence, campaign: CampaignLife, message_id: str) -> tuple[str, str]:
    """Return the URL that a click leads to, and the product shown there."""
    skus = campaign.promoted_skus
    sku = skus[(occurrence.traits >> 24) * len(skus) >> 8]
    return f"https://shop.example/p/{sku}?utm_source=email&utm_campaign={campaign.campaign_id}&m={message_id}", sku


def _bounce(occurrence: Occurrence, _campaign: CampaignLife, _message_id: str) -> str:
    hard = PATTERNS[occurrence.pattern].hard_bounce
    reasons = HARD_BOUNCES if hard else SOFT_BOUNCES
    code, reason = reasons[(occurrence.traits >> 16 & 0xFF) * len(reasons) >> 8]
    return f',"bounce":{{"class":"{"hard" if hard else "soft"}","code":{code},"reason":"{reason}"}}'


def drawn_flaw(word: int) -> Flaw:
    """Return the flaw that a 32-bit word draws."""
    return Flaw(Breakage(scale(word, len(Breakage))), word & 0xFF)


def break_record(record: dict[str, Any], flaw: Flaw, word: int) -> Any:
    """Return the record with its contract broken. A 32-bit word decides the wrong values."""
    variant = flaw.variant
    match flaw.kind:
        case Breakage.NO_EVENT_ID:
            del record["event_id"]
        case Breakage.WRONG_TYPE:
            wrong: dict[str, Any] = {"campaign_id": word, "message_id": None, "recipient": [record["recipient"]]}
            field = sorted(wrong)[variant % len(wrong)]
            record[field] = wrong[field]
        case Breakage.UNKNOWN_EVENT_TYPE:
            record["type"] = ("snoozed", "teleported", "")[variant % 3]
        case Breakage.NOT_AN_OBJECT:
            return (word, record["event_id"], word / ONE_32, [record["event_id"]], None, True)[variant % 6]
        case Breakage.NO_RECIPIENT:
            del record["recipient"]
        case Breakage.UNPARSABLE_OCCURRED_AT:
            record["occurred_at"] = ("yesterday", "2025-02-30T25:61:00.000000Z", "")[variant % 3]
    return record
