"""Configuration: environment variables, read once at start."""

import re
import string
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.environment import PRODUCTION, is_dev, refuse_placeholders
from mock_saas.timestamps import parse_rfc3339

DEV_API_KEY = "dev-api-key"
"""The API key where ENVIRONMENT=dev and none is given."""

_FIRST_NOW, _LAST_NOW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Where BUSINESS_NOW may lie, alike in all programs of the shop and the platform."""

_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)
_EMAIL_ADDRESS = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+", re.ASCII)
_URL_SAFE = re.compile(r"[A-Za-z0-9._~\-]+", re.ASCII)


def _is_numbered(pattern: str) -> str:
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}
        if fields != {"n"} or pattern.format(n=1) == pattern.format(n=2):
            raise ValueError(f"{pattern!r} must hold the number as {{n}}, for example {{n:05d}}")
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"{pattern!r} is no format pattern over n: {error}") from error
    return pattern


def _is_bearer(key: SecretStr) -> SecretStr:
    # The characters that RFC 6750 lets a client send after "Bearer". A key with any other could never be presented.
    if not _BEARER.fullmatch(key.get_secret_value()):
        raise ValueError("only letters, digits and -._~+/ (then =) can be sent as a Bearer key")
    return key


def _moment(value: object) -> object:
    # Without this, pydantic would take digits for seconds since 1970.
    if isinstance(value, str):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=parse_rfc3339(value))
    return value


NumberedPattern = Annotated[str, AfterValidator(_is_numbered)]
BearerKey = Annotated[SecretStr, AfterValidator(_is_bearer)]
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


class Settings(BaseSettings):
    """Settings of the mock provider; every one is an environment variable of the same name in capitals.

    Raises:
        pydantic.ValidationError: a value is missing or wrong.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    environment: str = Field(default=PRODUCTION, description="`dev` alone allows the built-in API key")
    api_key: BearerKey | None = Field(default=None, description="the key that clients present; required outside dev")
    admin_key: BearerKey | None = Field(default=None, description="switches the admin routes on; else they are 404")

    seed: int = Field(default=1, description="the same seed gives the same history")
    epoch: AwareDatetime | None = Field(
        default=None,
        description="where history begins; default: the start of the day (UTC) ten days before process start",
    )
    events_per_day: int = Field(default=2_000, ge=1, le=1_000_000_000, description="records a day, on average")
    broken_rate: float = Field(
        default=0.002,
        ge=0,
        le=0.5,
        description="share of the records that break the contract, beside the first few that do for certain; 0: none",
    )
    settling_seconds: float = Field(
        default=60, ge=0, le=86_400, description="how long after received_at a record may still appear"
    )
    business_now: Moment | None = Field(
        default=None, description="where the provider's clock stands until it is advanced; default: it runs"
    )
    clock_offset_seconds: float = Field(
        default=0, description="provider's clock minus real time, or minus BUSINESS_NOW where that is set"
    )

    recipient_pattern: NumberedPattern = "shopper{n:05d}@mail.example"
    recipients: int = Field(
        default=4_800,
        ge=1,
        le=1_000_000_000,
        description="the shop's customers before history begins; those with consent are on the mailing list",
    )
    no_consent_endings: str = Field(
        default="370", pattern=r"^\d*$", description="last digits of the numbers of customers without consent to mail"
    )
    sku_pattern: NumberedPattern = "SKU-{n:05d}"
    skus: int = Field(default=500, ge=1, le=1_000_000_000)

    rate_limit_per_second: float = Field(
        default=200, ge=0, description="sustained requests a second per key; 0: no limit"
    )
    rate_limit_burst: int = Field(default=400, ge=1, description="requests at once, after a pause")

    access_log: Literal["off", "plain", "json"] = "off"

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.api_key is None and not is_dev(self.environment):
            raise ValueError("API_KEY is not set: set it, or set ENVIRONMENT=dev for the built-in development key")
        keys = (("API_KEY", self.api_key), ("ADMIN_KEY", self.admin_key))
        refuse_placeholders(self.environment, {name: key.get_secret_value() for name, key in keys if key is not None})
        if self.epoch is not None and self.epoch < datetime(1970, 1, 2, tzinfo=UTC):
            raise ValueError("EPOCH is before 1970")
        if self.business_now is not None and not _FIRST_NOW <= self.business_now < _LAST_NOW:
            raise ValueError(f"BUSINESS_NOW is out of range: {_FIRST_NOW:%Y-%m-%d} to {_LAST_NOW:%Y-%m-%d}")
        for number in (1, self.recipients):
            if not _EMAIL_ADDRESS.fullmatch(self.recipient_pattern.format(n=number)):
                raise ValueError("RECIPIENT_PATTERN does not make plain e-mail addresses")
        if all(str(number)[-1] in self.no_consent_endings for number in range(1, min(self.recipients, 10) + 1)):
            raise ValueError("RECIPIENTS and NO_CONSENT_ENDINGS leave nobody to write to")
        for number in (1, self.skus):
            if not _URL_SAFE.fullmatch(self.sku_pattern.format(n=number)):
                raise ValueError("SKU_PATTERN makes codes that do not fit unescaped into a URL")
        return self

    @property
    def effective_api_key(self) -> str:
        """The key that clients must present."""
        return self.api_key.get_secret_value() if self.api_key else DEV_API_KEY
