"""Tables as CSV and XLSX, written row by row as they are read; text can never act as a formula.

XLSX is one sheet of inline strings and plain numbers (ECMA-376), zipped as it is sent: neither the rows nor the file
are ever whole in memory.
"""

import csv
import io
import re
import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from xml.sax.saxutils import escape

Value = str | Decimal | int | None
Rows = AsyncIterator[Sequence[Sequence[Value]]]  # pages of rows

# What spreadsheets take for the beginning of a formula, also in the full-width forms that they fold to these.
_ACTS = frozenset("=+-@＝＋－＠﹢﹣﹦﹫")
_UNSEEN = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff\u00ad]*")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LONGEST = 32_767  # characters of a cell
_MOST_ROWS = 1_048_576

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def guarded(text: str) -> str:
    """The text as it may stand in a cell: behind an apostrophe if a spreadsheet might take it for a formula."""
    clean = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    rest = clean[_UNSEEN.match(clean).end() :]  # type: ignore[union-attr]  # matches any text
    return "'" + clean if rest[:1] in _ACTS or (clean[:1] in "\t\r\n" and clean) else clean


async def as_csv(header: Sequence[str], pages: Rows) -> AsyncIterator[bytes]:
    """The table as UTF-8 with a byte order mark, so that spreadsheets read the Chinese."""
    yield "\ufeff".encode() + _csv([header])
    async for page in pages:
        yield _csv(page)


def _csv(rows: Iterable[Sequence[Value]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([guarded(one) if isinstance(one, str) else _number(one) for one in row])
    return text.getvalue().encode()


def _number(value: Decimal | int | None) -> str:
    return "" if value is None else format(value, "f") if isinstance(value, Decimal) else str(value)


_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="xl/workbook.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    "xl/_rels/workbook.xml.rels": "<Relationships "
    'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
}
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


class _Sent(io.RawIOBase):
    """Where the zip is written to: what was written is taken away and sent."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._waiting.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What was written since the last time."""
        pieces, self._waiting = self._waiting, []
        return b"".join(pieces)


async def as_xlsx(header: Sequence[str], pages: Rows) -> AsyncIterator[bytes]:
    """The table as a workbook of one sheet."""
    out = _Sent()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in _PARTS.items():
            book.writestr(name, _HEAD + text)
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write((_HEAD + _SHEET + _row(header)).encode())
            written = 1
            async for page in pages:
                room = list(page)[: _MOST_ROWS - written]
                written += len(room)
                sheet.write("".join(map(_row, room)).encode())
                if piece := out.taken():
                    yield piece
            sheet.write(b"</sheetData></worksheet>")
    yield out.taken()


def _row(values: Sequence[Value]) -> str:
    return f"<row>{''.join(map(_cell, values))}</row>"


def _cell(value: Value) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        text = escape(guarded(value)[:_LONGEST])
        return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    return f"<c><v>{_number(value)}</v></c>"
