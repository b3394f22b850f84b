"""The variation of the provider's traffic over a day."""

from itertools import accumulate

from mock_saas.timestamps import DAY_US, HOUR_US

# Share of a day's messages by hour (UTC) in thousandths: busy mornings and evenings, quiet nights.
_HOURLY = (14, 10, 8, 8, 10, 18, 32, 48, 62, 68, 66, 58, 52, 50, 50, 50, 52, 58, 64, 66, 58, 46, 32, 20)
_BEFORE = (0, *accumulate(_HOURLY))
_WHOLE_DAY = _BEFORE[-1] * HOUR_US


def intensity(hour: int) -> float:
    """Return the relative traffic in an hour (hours since the Unix epoch). 1.0 is the average of a day."""
    return _HOURLY[hour % 24] * len(_HOURLY) / _BEFORE[-1]


def days_of_traffic(from_us: int, until_us: int) -> float:
    """Return the traffic of a span, in units of a whole day's traffic."""
    return (_traffic(until_us) - _traffic(from_us)) / _WHOLE_DAY


def _traffic(us: int) -> int:
    day, rest = divmod(us, DAY_US)
    hour, into_us = divmod(rest, HOUR_US)
    return day * _WHOLE_DAY + _BEFORE[hour] * HOUR_US + _HOURLY[hour] * into_us
