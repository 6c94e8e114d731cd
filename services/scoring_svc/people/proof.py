"""A result as it is kept and answered: postings, unit results, dimensions and means of marks, in exact text."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.people.domain.results import DimensionValue, Part, Result, Served, coefficient_of, revealing
from services.scoring_svc.people.domain.roster import Posting
from services.scoring_svc.people.domain.scheme import PersonalScheme
from services.scoring_svc.people.sources import RankedUnit


def body_of(
    scheme: PersonalScheme,
    postings: Sequence[Posting],
    served: Sequence[Served],
    ranked: Sequence[tuple[str, RankedUnit] | None],
    result: Result | None,
) -> dict[str, Any]:
    """The proof of a result. `withheld`: the dimensions are for the office alone."""
    return {
        "postings": [
            {
                **msgspec.to_builtins(posting),
                "unit": one.unit,
                "days": one.days,
                "unit_result": _ranked(found),
                "coefficient": None if (number := coefficient_of(scheme, one)) is None else shortest(number),
            }
            for posting, one, found in zip(postings, served, ranked, strict=True)
        ],
        "days": sum(one.days for one in served),
        "withheld": result is not None and revealing(result, scheme.marks_shown_from),
        "dimensions": None if result is None else [_dimension(scheme, one) for one in result.dimensions],
        "base": None if result is None else shortest(result.base),
        "coefficient": None if result is None else shortest(result.coefficient),
        "exact": None if result is None else shortest(result.exact),
    }


def _ranked(found: tuple[str, RankedUnit] | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    code, one = found
    return {
        "unit": code, "set": one.set, "ranking_id": str(one.ranking_id), "version": one.version,
        "share": shortest(one.share), "grade": one.grade,
    }  # fmt: skip


def _dimension(scheme: PersonalScheme, one: DimensionValue) -> dict[str, Any]:
    known = {indicator.code: indicator for indicator in scheme.indicators}
    return {
        "dimension": one.dimension,
        "weight": shortest(one.weight),
        "value": shortest(one.value),
        "contribution": shortest(one.contribution),
        "parts": _parts(one.parts),
        "indicators": [
            {
                "indicator": value.indicator,
                "posting": value.posting,
                "matter": known[value.indicator].matter,
                "set": known[value.indicator].set,
                "unit_indicator": known[value.indicator].indicator,
                "weight": shortest(value.weight),
                "value": shortest(value.value),
                "parts": _parts(value.parts),
            }
            for value in one.indicators
        ],
    }


def _parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [
        {"kind": one.kind, "weight": shortest(one.weight), "mean": shortest(one.mean), "marks": one.marks}
        for one in parts
    ]
