"""Tables as CSV and XLSX: rows by pages, numbers as numbers, no text that acts as a formula."""

import csv
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from services.scoring_svc.reports import sheets

_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


async def pages(*rows: Sequence[sheets.Value]) -> AsyncIterator[Sequence[Sequence[sheets.Value]]]:
    for row in rows:
        yield [row]


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "＝1+1",
        "＋1",
        "－1",
        "＠A1",
        "\t=1",
        "  =1",
        "\u200b=1",
        "\ufeff=1",
        "\rx",
        "﹦1",
    ],
)
def test_text_that_may_act_is_guarded(text: str) -> None:
    assert sheets.guarded(text).startswith("'")


@pytest.mark.parametrize("text", ["武昌区局", "a=b", "1-2", "", "（1）差错每1件扣2分"])
def test_other_text_stays(text: str) -> None:
    assert sheets.guarded(text) == text


def read_sheet(body: bytes) -> list[list[str | None]]:
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        assert book.testzip() is None
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own file
    rows = []
    for row in sheet.iter(f"{_NS}row"):
        assert not list(row.iter(f"{_NS}f"))
        texts = [[one.text or "" for one in cell.iter() if one.tag in {f"{_NS}t", f"{_NS}v"}] for cell in row]
        rows.append(["".join(found) if found else None for found in texts])
    return rows


async def test_both_forms_hold_the_same_rows() -> None:
    rows: list[Sequence[sheets.Value]] = [("=x", Decimal("-0.50"), None, 3), ("<&>\x01", Decimal(10), "二\n行", 0)]
    body = await whole(sheets.as_csv(["名", "分", "c", "d"], pages(*rows)))
    assert body.startswith("\ufeff".encode())
    found = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    wanted = [["名", "分", "c", "d"], ["'=x", "-0.50", "", "3"], ["<&>\N{REPLACEMENT CHARACTER}", "10", "二\n行", "0"]]
    assert found == wanted
    book = read_sheet(await whole(sheets.as_xlsx(["名", "分", "c", "d"], pages(*rows))))
    assert [["" if one is None else one for one in row] for row in book] == wanted


async def test_a_workbook_is_sent_while_it_is_made() -> None:
    async def many() -> AsyncIterator[Sequence[Sequence[sheets.Value]]]:
        for number in range(50):
            yield [(f"{number * 7919 % 1000}-{line * 104729 % 997}", Decimal(line)) for line in range(400)]

    pieces = [len(piece) async for piece in sheets.as_xlsx(["a", "b"], many())]
    assert len(pieces) > 5
    assert max(pieces) < sum(pieces) / 3
