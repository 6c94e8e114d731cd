from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import SHANGHAI, Clock, ClockIsReal


def test_a_set_clock_goes_on_from_there_for_every_reader(tmp_path: Path) -> None:
    journal = tmp_path / "clock.jsonl"
    one, other = Clock(journal), Clock(journal)
    assert abs(one.now() - datetime.now(SHANGHAI)) < timedelta(seconds=5)
    one.set(datetime(2015, 7, 1, 9, tzinfo=SHANGHAI), by="P1")
    assert other.today() == date(2015, 7, 1)
    other.set(datetime(2015, 8, 1, 23, 59, 59, tzinfo=SHANGHAI), by="P1")
    assert one.now() - datetime(2015, 8, 1, 23, 59, 59, tzinfo=SHANGHAI) < timedelta(seconds=5)
    assert len(journal.read_text(encoding="utf-8").splitlines()) == 2


def test_a_line_half_written_does_not_count(tmp_path: Path) -> None:
    journal = tmp_path / "clock.jsonl"
    clock = Clock(journal)
    clock.set(datetime(2015, 7, 1, 9, tzinfo=SHANGHAI), by="P1")
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"business": "2016')
    assert clock.today() == date(2015, 7, 1)


def test_real_time_cannot_be_set() -> None:
    with pytest.raises(ClockIsReal):
        Clock().set(datetime(2015, 7, 1, 9, tzinfo=SHANGHAI), by="P1")
