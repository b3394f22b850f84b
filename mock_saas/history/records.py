"""The records of the API, as it documents them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mock_saas.history.lifecycle import EventType

Timestamp = Annotated[
    str,
    Field(
        description="RFC 3339, UTC, with exactly six fraction digits and `Z`",
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        examples=["2025-01-31T08:00:00.000000Z"],
    ),
]


class CampaignStatus(StrEnum):
    """The state of a campaign."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"
    ARCHIVED = "archived"


class Campaign(BaseModel):
    """A campaign, in its present state."""

    model_config = ConfigDict(frozen=True)

    campaign_id: str
    name: str
    subject: str
    status: CampaignStatus
    from_address: str
    promoted_skus: tuple[str, ...]
    budget: Annotated[str, Field(description="a decimal, as text", examples=["1250.00"])]
    currency: str
    scheduled_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class Link(BaseModel):
    """The link that was clicked."""

    url: str
    sku: Annotated[str, Field(description="one of the campaign's promoted_skus")]


class Bounce(BaseModel):
    """The reason why a message could not be delivered."""

    bounce_class: Annotated[Literal["hard", "soft"], Field(alias="class")]
    code: Annotated[int, Field(description="the SMTP reply code")]
    reason: str


class Event(BaseModel):
    """An event of a message."""

    event_id: Annotated[str, Field(description="the same on every delivery of the event")]
    type: EventType
    message_id: str
    campaign_id: str
    recipient: Annotated[str, Field(description="e-mail address")]
    occurred_at: Timestamp
    received_at: Annotated[Timestamp, Field(description="when we received it; hours to days after occurred_at if late")]
    link: Annotated[Link | None, Field(description="of `clicked` alone; absent elsewhere")] = None
    bounce: Annotated[Bounce | None, Field(description="of `bounced` alone; absent elsewhere")] = None
    user_agent: Annotated[str | None, Field(description="of `opened` and `clicked`; absent elsewhere")] = None


class _Page(BaseModel):
    next_cursor: Annotated[str | None, Field(description="opaque; null on the last page")]
    has_more: bool


class CampaignPage(_Page):
    """A page of campaigns, by (updated_at, campaign_id)."""

    data: list[Campaign]


class EventPage(_Page):
    """A page of events, by (received_at, event_id)."""

    data: list[Event]


class Stats(BaseModel):
    """The number of records of a walk over a window now."""

    records: Annotated[int, Field(description="number of records, repeated deliveries and malformed ones included")]
    distinct: Annotated[int, Field(description="number of different ones: a repeated delivery counts once")]
