"""The lives of campaigns: created, edited, sent, archived, some drafts deleted. A pure function of seed and day."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mock_saas.history.randomness import SPACE_CAMPAIGN, Randomness, scale
from mock_saas.history.records import Campaign, CampaignStatus
from mock_saas.settings import Settings
from mock_saas.timestamps import DAY_US, HOUR_US, MINUTE_US, format_us

MAX_AGE_US = 10 * DAY_US
"""No campaign changes later than this after the start of the day of its creation."""

MAX_SENDING_DAYS = 2
"""A campaign sends nothing later than the day of its creation plus this many days."""

CURRENCY = "EUR"
FROM_ADDRESSES = ("news@shop.example", "offers@shop.example", "hello@shop.example")

_THEMES = (
    ("Spring refresh", "Fresh for spring: new in store"),
    ("Weekend offer", "This weekend only: up to 30 % off"),
    ("Back in stock", "It's back: your favourites, in stock again"),
    ("New arrivals", "Just landed. See what's new"),
    ("Members' evening", "You're invited - members' prices tonight"),
    ("Clearance", "Last chance: from 5 €"),
    ("Gift guide", "Gifts they'll keep 🎁"),
    ("Free delivery", 'Free delivery with code "SHIP0"'),
    ("Win-back", "We miss you: a little something inside"),
    ("Product of the week", "The one everybody asks about"),
)
_SECOND_SUBJECTS = ("Ends tonight", "Don't miss it", "Only a few left", "For you")


@dataclass(frozen=True)
class Version:
    """The state of a campaign from ``updated_us`` on, until its next version."""

    updated_us: int
    campaign: Campaign


@dataclass(frozen=True)
class CampaignLife:
    """All versions of a campaign.

    ``sending_us`` is the half-open interval of time in which it sends messages, None if it never sends. Its bounds are
    whole hours. From ``deleted_us`` on the campaign does not exist.
    """

    campaign_id: str
    versions: tuple[Version, ...]
    sending_us: tuple[int, int] | None
    deleted_us: int | None

    @property
    def created_us(self) -> int:
        """The time of the campaign's creation."""
        return self.versions[0].updated_us

    @property
    def promoted_skus(self) -> tuple[str, ...]:
        """The products that the campaign promotes. They never change."""
        return self.versions[0].campaign.promoted_skus

    def at(self, now_us: int) -> Version | None:
        """Return the campaign's version at ``now_us``; None if it does not exist at that time."""
        if self.deleted_us is not None and self.deleted_us <= now_us:
            return None
        return next((version for version in reversed(self.versions) if version.updated_us <= now_us), None)

    def sends_throughout(self, start_us: int, end_us: int) -> bool:
        """Return whether the campaign sends during all of the interval."""
        return self.sending_us is not None and self.sending_us[0] <= start_us and end_us <= self.sending_us[1]


@dataclass(frozen=True)
class _Edit:
    at_us: int
    changes: Mapping[str, object]


@dataclass(frozen=True)
class _Timetable:
    created_us: int
    sending_us: tuple[int, int] | None

    def before_sending(self, share: float) -> int:
        """Return the moment at ``share`` of the way from creation to sending (or to a day later, if it is
        never sent).
        """
        end = self.sending_us[0] if self.sending_us else self.created_us + DAY_US
        return self.created_us + int((end - self.created_us) * share)


class CampaignFactory:
    """Makes the campaigns created on a day."""

    def __init__(self, settings: Settings, randomness: Randomness) -> None:
        self._settings = settings
        self._randomness = randomness

    def created_on(self, day: int) -> tuple[CampaignLife, ...]:
        """Return the campaigns created on a day (days since the Unix epoch): two to four."""
        count = 2 + self._randomness.word(SPACE_CAMPAIGN, day) % 3
        return tuple(self._life(day, number) for number in range(count))

    def _life(self, day: int, number: int) -> CampaignLife:
        dice = _Dice(self._randomness.words(64, SPACE_CAMPAIGN, day, number))
        timetable = _timetable(day, number, dice)
        draft = self._draft(day, number, timetable.created_us, dice)
        deleted_us = _deletion(timetable, dice)
        edits = [
            edit
            for edit in sorted(_edits(draft, timetable, dice), key=lambda edit: edit.at_us)
            if deleted_us is None or edit.at_us < deleted_us
        ]
        return CampaignLife(
            draft.campaign_id, tuple(_versions(draft, timetable, edits)), timetable.sending_us, deleted_us
        )

    def _draft(self, day: int, number: int, created_us: int, dice: "_Dice") -> Campaign:
        theme, subject = _THEMES[dice.below(len(_THEMES))]
        return Campaign(
            campaign_id=f"cmp_{self._randomness.identifier(SPACE_CAMPAIGN, day << 8 | number):016x}",
            name=f"{theme} {format_us(day * DAY_US)[:10]} #{number + 1}",
            subject=subject,
            status=CampaignStatus.DRAFT,
            from_address=FROM_ADDRESSES[dice.below(len(FROM_ADDRESSES))],
            promoted_skus=self._skus(dice),
            budget=_money(dice),
            currency=CURRENCY,
            scheduled_at=None,
            created_at=format_us(created_us),
            updated_at=format_us(created_us),
        )

    def _skus(self, dice: "_Dice") -> tuple[str, ...]:
        wanted = 1 + dice.below(5)
        numbers = dict.fromkeys(1 + dice.below(self._settings.skus) for _ in range(wanted))
        return tuple(self._settings.sku_pattern.format(n=number) for number in numbers)


class _Dice:
    """The random choices for one campaign, in order."""

    def __init__(self, words: Iterable[int]) -> None:
        self._words = iter(words)

    def below(self, bound: int) -> int:
        return scale(next(self._words), bound)

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent


def _timetable(day: int, number: int, dice: _Dice) -> _Timetable:
    start_of_day = day * DAY_US
    if number == 0:
        # The day's first campaign sends from 02:00 until at least 04:00 of the next day. Without it, an hour could pass
        # in which no campaign sends.
        start = start_of_day + 2 * HOUR_US
        end = start + dice.between(26, 31) * HOUR_US
        return _Timetable(start_of_day + dice.below(40 * MINUTE_US), (start, end))
    created = start_of_day + dice.between(7 * HOUR_US, 16 * HOUR_US)
    if dice.chance(20):
        return _Timetable(created, None)
    start = -(-(created + dice.between(1 * HOUR_US, 5 * HOUR_US)) // HOUR_US) * HOUR_US
    return _Timetable(created, (start, start + dice.between(6, 41) * HOUR_US))


def _deletion(timetable: _Timetable, dice: _Dice) -> int | None:
    # Sent campaigns are archived, never deleted, because their messages are opened, clicked and bought from for weeks.
    if timetable.sending_us is not None or not dice.chance(60):
        return None
    return timetable.created_us + dice.between(DAY_US, 5 * DAY_US)


def _edits(draft: Campaign, timetable: _Timetable, dice: _Dice) -> Iterator[_Edit]:
    if dice.chance(70):
        second = _SECOND_SUBJECTS[dice.below(len(_SECOND_SUBJECTS))]
        yield _Edit(timetable.before_sending(dice.between(20, 40) / 100), {"subject": f"{draft.subject} - {second}"})
    if dice.chance(45):
        yield _Edit(timetable.before_sending(dice.between(40, 60) / 100), {"budget": _money(dice)})
    if timetable.sending_us is None:
        return
    start, end = timetable.sending_us
    yield _Edit(
        timetable.before_sending(dice.between(65, 95) / 100),
        {"status": CampaignStatus.SCHEDULED, "scheduled_at": format_us(start)},
    )
    yield _Edit(start, {"status": CampaignStatus.SENDING})
    if dice.chance(25):
        yield _Edit(dice.between(start + 1, end), {"budget": _money(dice)})
    sent = end + 1 + dice.below(2 * MINUTE_US)
    yield _Edit(sent, {"status": CampaignStatus.SENT})
    if dice.chance(20):
        yield _Edit(sent + dice.between(HOUR_US, 2 * DAY_US), {"name": f"{draft.name} (final)"})
    if dice.chance(50):
        yield _Edit(sent + dice.between(3 * DAY_US, 6 * DAY_US), {"status": CampaignStatus.ARCHIVED})


def _versions(draft: Campaign, timetable: _Timetable, edits: list[_Edit]) -> Iterator[Version]:
    yield Version(timetable.created_us, draft)
    campaign = draft
    for edit in edits:
        campaign = campaign.model_copy(update={**edit.changes, "updated_at": format_us(edit.at_us)})
        yield Version(edit.at_us, campaign)


def _money(dice: _Dice) -> str:
    return f"{dice.between(100, 5000)}.{dice.below(100):02d}"
