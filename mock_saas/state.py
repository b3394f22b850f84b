"""State that survives a restart: the beginning of history, the clock's offset, and the settings that decide all
records.

History follows from these alone. A provider that lost them would serve another history under the same identifiers, to
clients who rely on a record being final.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from mock_saas.clock import ProviderClock
from mock_saas.settings import Settings


class StateError(ValueError):
    """The state file cannot be read or written, or belongs to other settings."""


class World(BaseModel):
    """The settings that every record depends on."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    seed: int
    events_per_day: int
    broken_rate: float
    recipient_pattern: str
    recipients: int
    no_consent_endings: str
    sku_pattern: str
    skus: int


class State(BaseModel):
    """The content of the state file."""

    model_config = ConfigDict(frozen=True)

    epoch: AwareDatetime
    clock_offset_seconds: float
    business_now: AwareDatetime | None = None
    world: World

    @classmethod
    def begin(cls, settings: Settings, epoch_us: int) -> Self:
        """Return the state at the first start."""
        return cls(
            epoch=datetime.fromtimestamp(epoch_us / 1_000_000, UTC),
            clock_offset_seconds=settings.clock_offset_seconds,
            business_now=settings.business_now,
            world=World.model_validate(settings),
        )


class StateFile:
    """The state in a JSON file. Every method raises StateError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def resume(self, settings: Settings, first_epoch_us: int) -> tuple[Settings, ProviderClock]:
        """Return settings and clock that continue from the file. `first_epoch_us` is used if there is no file yet.

        The clock writes the file whenever it is advanced.
        """
        state = self._read() or self._write(State.begin(settings, first_epoch_us))
        for name, value in state.world:
            if value != getattr(settings, name):
                raise StateError(
                    f"{name.upper()} was {value} when this history began and is {getattr(settings, name)} now: "
                    f"set it back, or begin anew without {self._path}"
                )

        offset_seconds = self._offset(state, settings)

        def keep(offset_seconds: float) -> None:
            self._write(state.model_copy(update={"clock_offset_seconds": offset_seconds}))

        if offset_seconds != state.clock_offset_seconds:
            keep(offset_seconds)
        return (
            settings.model_copy(update={"epoch": state.epoch}),
            ProviderClock.of(state.business_now, offset_seconds, keep=keep),
        )

    def _offset(self, state: State, settings: Settings) -> float:
        """Return the clock's distance from its beginning. A later BUSINESS_NOW advances it; nothing moves it back."""
        begun, given = state.business_now, settings.business_now
        if begun is None and given is None:
            return state.clock_offset_seconds
        if begun is None or given is None or given < begun:
            raise StateError(
                f"BUSINESS_NOW was {_told(begun)} when this history began and is {_told(given)} now: "
                f"set it back, or to a later moment than it had, or begin anew without {self._path}"
            )
        return max(state.clock_offset_seconds, (given - begun).total_seconds())

    def _read(self) -> State | None:
        try:
            return State.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"cannot read {self._path}: {str(error).splitlines()[0]}") from error
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, each["loc"])) or "the whole" for each in error.errors())
            raise StateError(
                f"cannot read {self._path}: it is damaged, or of another version, whose history was another one "
                f"(wrong: {wrong}). Begin anew without it"
            ) from error

    def _write(self, state: State) -> State:
        draft = self._path.with_suffix(".new")
        try:
            draft.write_text(state.model_dump_json())
            draft.replace(self._path)
        except OSError as error:
            raise StateError(f"cannot write {self._path}: {error.strerror}") from error
        return state


def _told(moment: datetime | None) -> str:
    return "not set" if moment is None else moment.isoformat()
