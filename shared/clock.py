"""The business clock: what day it is for deadlines and periods, in Asia/Shanghai.

The embedded default may set it (the demo lives through 2015) by appending to a journal that all services read;
elsewhere it is real time and setting it is refused. Tokens, leases and the trail use real time, never this clock.
"""

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class ClockIsReal(RuntimeError):
    """The installation runs on real time; its clock cannot be set."""


class Clock:
    """Business time from a journal file, or real time where there is none. Reading costs one stat call."""

    def __init__(self, journal: Path | None = None) -> None:
        self._journal = journal
        self._seen: tuple[int, int] | None = None
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The business moment, with the offset of Asia/Shanghai."""
        return datetime.now(SHANGHAI) + self._offset()

    def today(self) -> date:
        """The business date in Asia/Shanghai; a deadline ends at its 24:00."""
        return self.now().date()

    def set(self, moment: datetime, *, by: str) -> None:
        """Let it be `moment` from now on, recorded with who said so. Raises ClockIsReal without a journal."""
        if self._journal is None:
            raise ClockIsReal
        self._journal.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"business": moment.isoformat(), "at": datetime.now(UTC).isoformat(), "by": by})
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(line + "\n")
            journal.flush()
            os.fsync(journal.fileno())

    def _offset(self) -> timedelta:
        if self._journal is None:
            return timedelta()
        try:
            stat = self._journal.stat()
        except FileNotFoundError:
            return timedelta()
        if self._seen != (stat.st_mtime_ns, stat.st_size):
            # A line without its newline is still being written: the last whole line counts.
            whole = self._journal.read_text(encoding="utf-8").rpartition("\n")[0]
            if whole:
                entry = json.loads(whole.rpartition("\n")[2])
                self._ahead = datetime.fromisoformat(entry["business"]) - datetime.fromisoformat(entry["at"])
                self._seen = (stat.st_mtime_ns, stat.st_size)
        return self._ahead
