"""Cursors without a time zone: the local times between which the rows of a window lie.

`now()` becomes the local time of the zone in which a session runs. When clocks go back an hour, an hour of local times
comes twice, and when they go forward, one never comes. So for each moment there are two times:

    first    no row written at the moment or later has a cursor below it
    end      every row written before the moment has a cursor below it

They differ only around the nights when clocks are set. There `first` is the lower one: a window from one moment
to the next reads some rows again, and skips none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

# The query applies Postgres' own rules of the zone, by which the values were written. Local time grows with the moment
# except where clocks are set, at whole minutes and by a day at most. So the least local time from a moment on is
# reached at the moment or at a minute after it. The least upper bound of the local times before the moment is reached
# just before one of those.
_TIMES = """
select least(ends, (select min(later at time zone %(zone)s)
                      from (select moment union all
                            select generate_series(date_trunc('minute', moment) + '1 minute', moment + '26 hours',
                                                   '1 minute')) as after (later)))::text,
       ends::text
  from (select %(moment)s::timestamptz) as asked (moment),
       lateral (select max((earlier - interval '1 microsecond') at time zone %(zone)s) + interval '1 microsecond'
                  from (select moment union all
                        select generate_series(date_trunc('minute', moment - interval '26 hours'), moment,
                                               '1 minute')) as before (earlier)) as past (ends)
"""


@dataclass(frozen=True)
class LocalTimes:
    """The two local times of a moment, as Postgres prints them."""

    first: str
    end: str


def local_times(cursor: Cursor, moment: datetime, zone: str) -> LocalTimes:
    """Return the local times of `moment` in a time zone. Raises psycopg2.Error if Postgres does not know the zone."""
    cursor.execute(_TIMES, {"moment": moment.isoformat(), "zone": zone})
    ((first, end),) = cursor.fetchall()
    return LocalTimes(first, end)
