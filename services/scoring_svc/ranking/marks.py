"""The marks of all units under all indicators in a span by one statement: `blending.py` for many at once.

Marks come times `SCALE`, exactly. Belongs here: the parameters and the part of a statement that every reader of totals
shares, which policy holds, and which units stand. Does not belong here: boards and places (repository.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.ranking.blending import WHOLE, SpanBlend, latest
from services.scoring_svc.ranking.domain import PLAIN, SCALE, Policy
from services.scoring_svc.ranking.policy_schemas import PolicyBody, policy_of
from shared.contracts.periods import parse_period
from shared.directory.held import in_force

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class Cells:
    """Whose marks: the cells of a set in some periods, only confirmed ones or all, under a blend."""

    set_id: UUID
    periods: Sequence[str]
    confirmed: bool
    blend: SpanBlend

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The first six parameters of a statement that begins with `marks_of`."""
        periods = sorted((parse_period(key) for key in self.periods), key=latest)
        kinds = [period.kind for period in periods]
        weights = self.blend.blend.weights
        shares = [None if weights is not None and kind not in weights else self.blend.weight(kind) for kind in kinds]
        return (
            self.set_id, [period.key for period in periods], self.confirmed, kinds,
            [self.blend.inside[kind] for kind in kinds], [None if one is None else _decimal(one) for one in shares],
        )  # fmt: skip


def _decimal(percent: Fraction) -> Decimal:
    """A weight in percent as a share of 1: a finite decimal, since a weight has four places at most."""
    share = percent / WHOLE
    return Decimal(share.numerator) / Decimal(share.denominator)


_PERIODS = (
    "periods AS MATERIALIZED (SELECT * FROM unnest($2::text[], $4::text[], $5::bigint[], $6::numeric[]) "
    "WITH ORDINALITY AS one(period, kind, inside, weight, position))"
)
_WITHIN = "c.set_id = $1 AND c.period = ANY($2::text[]) AND (c.standing = 'confirmed' OR NOT $3::boolean)"
_SCORED = "FILTER (WHERE c.state = 'scored')"
_ALL_SCORED = "HAVING bool_or(c.state = 'scored')"


FIGURES: Mapping[str, str] = MappingProxyType({"total": "score", "full_marks": "full_marks"})


def marks_of(blend: SpanBlend, cells: str = "cells", figures: Mapping[str, str] = FIGURES) -> str:
    """The expressions `periods` and `marks` of a WITH; parameters: Cells.

    `marks` has unit_id, indicator_id and the `figures`, each of a column of `cells`: that table, or what a statement
    shows of it under this name. Every division is of whole numbers without remainder: SCALE is made for that.
    """

    def each(form: str) -> str:
        return ", ".join(f"{form.format(column)} AS {name}" for name, column in figures.items())

    how, by_periods = blend.blend.how, blend.blend.in_part == "by_periods"
    if how == "sum" or (how == "mean" and not by_periods):
        factor = f"{SCALE}::bigint" + ("" if how == "sum" else " / count(*)")
        marks = (
            f"SELECT c.unit_id, c.indicator_id, {each('sum(c.{}) * (' + factor + ')')} "
            f"FROM {cells} c WHERE {_WITHIN} AND c.state = 'scored' GROUP BY c.unit_id, c.indicator_id"
        )
    elif how == "last":
        factor = f"sum({SCALE}::bigint / p.inside)" if by_periods else f"{SCALE}::bigint"
        marks = (
            "SELECT c.unit_id, c.indicator_id, "
            f"{each('(array_agg(c.{} ORDER BY p.position DESC) ' + _SCORED + ')[1] * ' + factor)} "
            f"FROM {cells} c JOIN periods p USING (period) "
            f"WHERE {_WITHIN} GROUP BY c.unit_id, c.indicator_id {_ALL_SCORED}"
        )
    else:
        scored = f"count(*) {_SCORED}"
        factor = f"{SCALE}::bigint * count(*) / ({scored} * p.inside)" if by_periods else f"{SCALE}::bigint / {scored}"
        sums = ", ".join(f"sum({name}) AS {name}" for name in figures)
        marks = (
            f"SELECT unit_id, indicator_id, {sums} FROM (SELECT c.unit_id, c.indicator_id, "
            f"{each('sum(c.{}) ' + _SCORED + ' * p.weight * (' + factor + ')')} "
            f"FROM {cells} c JOIN periods p USING (period) WHERE {_WITHIN} "
            f"GROUP BY c.unit_id, c.indicator_id, p.kind, p.inside, p.weight {_ALL_SCORED}) kinds "
            "GROUP BY unit_id, indicator_id"
        )
    return f"{_PERIODS}, marks AS ({marks})"


async def periods_with_cells(connection: Connection, set_id: UUID, periods: Sequence[str]) -> list[str]:
    """Those of the periods in which the set has a cell."""
    rows = await connection.fetch(
        "SELECT DISTINCT period FROM cells WHERE set_id = $1 AND period = ANY($2::text[])", set_id, list(periods)
    )
    return [row["period"] for row in rows]


async def standing(connection: Connection, day: date) -> set[UUID]:
    """The units that stand on a day."""
    rows = await connection.fetch(f"SELECT u.unit_id FROM directory_unit_spans u WHERE {in_force('u', '$1')}", day)
    return {row["unit_id"] for row in rows}


async def policy_now(connection: Connection, set_id: UUID) -> Policy:
    """The policy that a set is ranked under now."""
    row = await connection.fetchrow(
        "SELECT version, body FROM ranking_policies WHERE set_id = $1 ORDER BY version DESC LIMIT 1", set_id
    )
    return PLAIN if row is None else policy_of(PolicyBody(**msgspec.json.decode(row["body"])), row["version"])
