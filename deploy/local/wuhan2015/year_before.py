"""The bureau with 2014 in it too, so that 2015 has a year before: generated, no result of any real bureau.

2014 has the indicators of 2015 under a set of its own, WH2014-DISTRICT, whose cards end with the year. Its facts come
from `generate_facts.facts`, as those of 2015 do, and whatever loads, collects and confirms 2015 does so with 2014.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from deploy.local.wuhan2015.records import IndicatorSet, Pack

YEAR = 2014
SET = f"WH{YEAR}-DISTRICT"
_BEGIN, _END = date(YEAR, 1, 1), date(YEAR + 1, 1, 1)  # first day of the year, first day after it


def with_year_before(pack: Pack) -> Pack:
    """The pack with the set of 2014 before its own, and its units and appointments from 2014 on.

    Nothing is planned for 2014: all its cells are drawn, and the cast of the story acts in 2015.
    """
    units = tuple(replace(unit, effective_from=min(unit.effective_from, _BEGIN)) for unit in pack.units)
    terms = tuple(replace(term, effective_from=min(term.effective_from, _BEGIN)) for term in pack.appointments)
    return replace(
        pack,
        units=units,
        unit_by_code={unit.code: unit for unit in units},
        appointments=terms,
        sets={SET: _set_of(pack.sets["WH2015-DISTRICT"]), **pack.sets},
    )


def _set_of(next_year: IndicatorSet) -> IndicatorSet:
    return replace(
        next_year,
        code=SET,
        name=next_year.name.replace(str(next_year.year), str(YEAR)),
        name_en=next_year.name_en.replace(str(next_year.year), str(YEAR)),
        year=YEAR,
        indicators=tuple(replace(card, set_code=SET, effective_to=_END) for card in next_year.indicators),
    )
