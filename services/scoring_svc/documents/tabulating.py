"""The tables of a report: columns, how units and indicators are named in them, how many rows they show. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.scoring_svc.documents.blocks import Block, Note, Table
from services.scoring_svc.documents.gathering import Gathered
from shared.clock import SHANGHAI

MOST_ROWS = 2_000


@dataclass
class Columns:
    """The columns of a table: name, width as a part, whether of numbers."""

    columns: Sequence[tuple[str, int, bool]]
    rows: list[Sequence[str]] = field(default_factory=list)

    @property
    def table(self) -> Table:
        """The table as a block."""
        heads, widths, right = ([column[part] for column in self.columns] for part in range(3))
        return Table(heads, self.rows, right, widths)  # type: ignore[arg-type]  # three columns of three kinds


def unit_named(told: Gathered, unit: UUID | str) -> str:
    """A unit with its code, as it is called in the report's span."""
    key = unit if isinstance(unit, UUID) else UUID(unit)
    code, name = told.units.get(key, (str(key), "（名称不详）"))
    return f"{name}（{code}）"


def indicator_named(told: Gathered, indicator: UUID) -> str:
    """An indicator with its code."""
    card = told.cards.get(indicator)
    return str(indicator) if card is None else f"{card.code} {card.name}"


def first_rows(blocks: list[Block], rows: list[Sequence[str]], what: str, where: str) -> list[Sequence[str]]:
    """At most `MOST_ROWS` rows; what is left out is said."""
    if len(rows) > MOST_ROWS:
        blocks.append(Note(f"{what}共{len(rows)}条，这里列出前{MOST_ROWS}条；其余见{where}。"))
    return rows[:MOST_ROWS]


def minute_of(moment: datetime | None) -> str:
    """A moment of business time."""
    return "" if moment is None else moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
