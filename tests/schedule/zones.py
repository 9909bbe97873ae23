#!/usr/bin/env python3
"""Writes zones.tsv: when windows begin and end around the jumps of the clock, and at New Year.

Usage: python3 zones.py > zones.tsv

An independent reading of the rule: each instant of some days is turned into local time by Python's
zoneinfo, and looked through for the readings that are meant. A window runs from the earliest
instant at which the local clock reads its start to the latest at which it reads its end; a reading
that is skipped counts as the instant of the skip. Only the standard library is used; the first
line tells the version of the zone data (2025b and 2026f give the same rows). `-` stands for a
window of which the clock skips all.
"""

import datetime
import pathlib
import sys
import zoneinfo

UTC = datetime.timezone.utc
MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)

# Years in which the clock is set in the zone, or whatever else is of note.
ZONES = [
    ("Europe/Berlin", [1980, 2025, 2026]),
    ("Europe/London", [1971, 2026]),
    ("Europe/Dublin", [1971, 2025, 2026]),
    ("America/New_York", [2007, 2026]),
    ("America/Sao_Paulo", [2018, 2019]),
    ("America/Havana", [2024, 2025]),
    ("America/St_Johns", [1988, 2010, 2026]),
    ("America/Scoresbysund", [2024]),
    ("Antarctica/Troll", [2025]),
    ("Africa/Casablanca", [2018, 2024]),
    ("Africa/Cairo", [2014, 2025]),
    ("Asia/Gaza", [2011, 2023]),
    ("Asia/Kolkata", [2026]),
    ("Asia/Pyongyang", [2015, 2018]),
    ("Asia/Tehran", [2021, 2022]),
    ("Australia/Lord_Howe", [1981, 2026]),
    ("Pacific/Apia", [2010, 2011, 2012]),
    ("Pacific/Chatham", [2026]),
    ("Pacific/Kwajalein", [1993]),
    ("UTC", [2026]),
]


def local(zone, instant):
    """What the clock reads, as a time without a zone."""
    return instant.astimezone(zone).replace(tzinfo=None)


def jumps(zone, year):
    """The readings just before and at each jump of the clock in a year."""
    instant = datetime.datetime(year, 1, 1, tzinfo=UTC)
    found = []
    while instant.year == year:
        if local(zone, instant + 60 * MINUTE) - local(zone, instant) != 60 * MINUTE:
            for _ in range(60):
                before, after = local(zone, instant), local(zone, instant + MINUTE)
                if after - before != MINUTE:
                    found.append((before + MINUTE, after))
                instant += MINUTE
        else:
            instant += 60 * MINUTE
    return found


class Days:
    """All readings of the days around a date."""

    def __init__(self, zone, date):
        noon = datetime.datetime.combine(date, datetime.time(12), UTC)
        instants = [noon + MINUTE * offset for offset in range(-4 * 1440, 5 * 1440)]
        self.read = [(instant, local(zone, instant)) for instant in instants]

    def earliest(self, reading):
        same = [instant for instant, read in self.read if read == reading]
        return min(same) if same else self.skip(reading)

    def latest(self, reading):
        same = [instant for instant, read in self.read if read == reading]
        return max(same) if same else self.skip(reading)

    def skip(self, reading):
        return min(instant for instant, read in self.read if read > reading)


def windows(before, after):
    """Dates and hours around a jump from one reading to another, and without one around midnight."""
    least, most = min(before, after), max(before, after)
    inside = [least + 15 * MINUTE, most - 10 * MINUTE]
    marks = [least - 90 * MINUTE, least, *inside, most, most + 45 * MINUTE]
    for begin in marks:
        for end in marks:
            if begin < end < begin + DAY:
                yield begin, end
            if begin == end:
                # From here around the clock to there, less a minute.
                yield begin, end + DAY - MINUTE
    for date in sorted({least.date(), most.date()}):
        yield from around_midnight(date)


def around_midnight(date):
    midnight = datetime.datetime.combine(date, datetime.time())
    for begin, end in [(0, 1440), (-1440, 0), (-30, 30), (1410, 1470), (1439, 1440), (0, 1)]:
        yield midnight + begin * MINUTE, midnight + end * MINUTE
    yield midnight + 720 * MINUTE, midnight + 2159 * MINUTE


def rows(name, years):
    zone = zoneinfo.ZoneInfo(name)
    spans = []
    for year in years:
        for before, after in jumps(zone, year):
            spans += windows(before, after)
        for date in [datetime.date(year, 1, 1), datetime.date(year, 12, 31)]:
            spans += around_midnight(date)
            midnight = datetime.datetime.combine(date, datetime.time())
            spans.append((midnight + 22 * 60 * MINUTE, midnight + 26 * 60 * MINUTE))
    known = {}
    for begin, end in sorted(set(spans)):
        if begin.date() not in known:
            known[begin.date()] = Days(zone, begin.date())
        days = known[begin.date()]
        midnight = end.time() == datetime.time() and end.date() == begin.date() + DAY
        text = "24:00" if midnight else f"{end:%H:%M}"
        start, stop = days.earliest(begin), days.latest(end)
        instants = ["-", "-"] if start == stop else [f"{at:%Y-%m-%dT%H:%MZ}" for at in (start, stop)]
        yield "\t".join([name, f"{begin:%Y-%m-%d}", f"{begin:%H:%M}-{text}", *instants])


def version():
    try:
        import tzdata

        zoneinfo.reset_tzpath([])
        return tzdata.IANA_VERSION
    except ImportError:
        paths = [pathlib.Path(path, "tzdata.zi") for path in zoneinfo.TZPATH]
        lines = [path.read_text().splitlines()[0] for path in paths if path.exists()]
        return lines[0].removeprefix("# version ") if lines else "unknown"


def main():
    print(f"# By zones.py, with the zone data {version()}: zone, date, window, from, until.")
    for name, years in ZONES:
        for row in rows(name, years):
            print(row)


if __name__ == "__main__":
    sys.exit(main())
