"""What a document is made of, whatever it is written as: sections of paragraphs, tables and bars. All of it is text."""

from collections.abc import Sequence

import msgspec


class Text(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    """A paragraph."""

    text: str


class Note(msgspec.Struct, frozen=True, tag_field="kind", tag="note"):
    """A remark below a table, in small letters."""

    text: str


class Table(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    """A table; `right`: columns of numbers; `widths`: of the columns, as parts of the whole."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[bool]
    widths: Sequence[int]


class Bar(msgspec.Struct, frozen=True):
    """One bar: `parts` are decimal text, one for each name of the legend; `total` is shown at its end."""

    label: str
    parts: Sequence[str]
    total: str


class Bars(msgspec.Struct, frozen=True, tag_field="kind", tag="bars"):
    """A chart of stacked bars; `alt` says in words what it shows."""

    alt: str
    legend: Sequence[str]
    bars: Sequence[Bar]


Block = Text | Note | Table | Bars


class Section(msgspec.Struct, frozen=True):
    """A heading and what stands below it; `wide`: on pages that lie on their side."""

    title: str
    blocks: Sequence[Block]
    wide: bool = False


class Moment(msgspec.Struct, frozen=True):
    """When a document was made, as its properties say it."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int


class Document(msgspec.Struct, frozen=True):
    """A whole document; `facts` are the lines of its title page."""

    title: str
    subtitle: str
    author: str
    made: Moment
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
