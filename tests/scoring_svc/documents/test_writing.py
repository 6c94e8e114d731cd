"""Writing documents: what is shown is text whatever it looks like; fonts inside; same bytes; bounded from outside."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
import pypdf
import pytest

from services.scoring_svc.documents import fonts
from services.scoring_svc.documents.blocks import Bar, Bars, Document, Moment, Note, Section, Table, Text
from services.scoring_svc.documents.domain import moved_words, numbered, period_words
from services.scoring_svc.documents.fonts import FontMissing, demand_fonts, has_glyph, readable
from services.scoring_svc.documents.rendering import Form, Limits, RenderingFailed, render
from services.scoring_svc.documents.tabulating import Columns
from shared.contracts.periods import parse_period
from tests.scoring_svc.documents.quarter import text_of

FORMS: tuple[Form, ...] = ("pdf", "docx")
HOSTILE = (
    '#import "x"', "<w:p>", "*粗*", "$x$", "_斜_", "`码`", "@ref", "<label>", "#panic()", "\\#x", "//注", "/*注*/",
    "[括]", "{花}", "&amp;", "]]>", "=1+1", "- 列", "= 题", "\\u{41}", "~", "--", "...", "'引'", '"引"', "https://a.b",
)  # fmt: skip


def document(text: str = "江岸区局", rows: int = 2) -> Document:
    """A document that says one text at every place where there is one."""
    table = Table([text, "得分"], [[text, "98.25"]] * rows, [False, True], [3, 1])
    bars = Bars(text, [text], [Bar(text, ["40.5"], "40.5"), Bar(text, ["-3"], "-3")])
    blocks = [Text(text), table, bars, Note(text)]
    sections = [Section(text, blocks), Section(text, [Text(text)], wide=True)]
    return Document(text, text, text, Moment(2015, 4, 10, 9, 30, 0), [(text, text)], sections)


@pytest.mark.parametrize("form", FORMS)
async def test_no_text_is_read_as_markup(form: Form) -> None:
    text = "".join(HOSTILE)
    said = text_of(await render(document(text), form, Limits()))
    plain = "".join(text.split())
    # Title, subtitle, both facts, two headings, paragraphs, table head and rows, note; in PDF also the running head.
    assert said.count(plain) >= 11, said


@pytest.mark.parametrize("form", FORMS)
async def test_what_has_no_glyph_or_cannot_be_seen_is_told_by_its_code_point(form: Form) -> None:
    said = text_of(await render(document("甲😀𠮷\x00\x07\u202e\u200b\ufffe乙"), form, Limits()))
    rare = "〔U+1F600〕〔U+20BB7〕" if form == "pdf" else "😀𠮷"
    assert f"甲{rare}〔U+0000〕〔U+0007〕〔U+202E〕〔U+200B〕〔U+FFFE〕乙" in said


def test_words_are_left_as_they_are_unless_they_cannot_be_shown() -> None:
    assert readable("a b，《税务》\n第二行") == "a b，《税务》\n第二行"
    assert readable("a\tb") == "a〔U+0009〕b"
    assert (has_glyph("税"), has_glyph("0"), has_glyph("😀")) == (True, True, False)
    assert readable("税😀", has_glyph) == "税〔U+1F600〕"


def embedded(content: bytes) -> Iterator[bool]:
    """Whether each font of a PDF is inside it."""
    for page in pypdf.PdfReader(io.BytesIO(content)).pages:
        resources: Any = page["/Resources"]
        for name in resources.get("/Font", {}):
            (below,) = resources["/Font"][name]["/DescendantFonts"]
            descriptor = below.get_object()["/FontDescriptor"]
            yield "/FontFile3" in descriptor or "/FontFile2" in descriptor


async def test_a_pdf_is_for_the_archive_with_its_fonts_inside() -> None:
    content = await render(document(), "pdf", Limits())
    assert b"pdfaid:part>2<" in content.replace(b'="2"', b">2<")
    assert b"pdfuaid:part" in content
    found = list(embedded(content))
    assert found
    assert all(found)
    about = pypdf.PdfReader(io.BytesIO(content)).metadata
    assert about is not None
    assert (about.title, about["/CreationDate"]) == ("江岸区局", "D:20150410093000Z")


@pytest.mark.parametrize("form", FORMS)
async def test_the_same_document_gives_the_same_bytes(form: Form) -> None:
    first = await render(document(), form, Limits())
    assert await render(document(), form, Limits()) == first
    assert await render(document("江汉区局"), form, Limits()) != first


async def test_word_reads_its_tables_fields_and_pictures() -> None:
    content = await render(document("=1+1 MERGEFIELD", rows=40), "docx", Limits())
    word = docx.Document(io.BytesIO(content))
    table = word.tables[1]
    assert (len(table.rows), table.cell(1, 0).text, table.cell(40, 1).text) == (41, "=1+1 MERGEFIELD", "98.25")
    assert [section.orientation for section in word.sections] == [0, 1]
    assert len(word.inline_shapes) == 1
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        body = parts.read("word/document.xml")
    assert b"instrText" not in body
    assert b"fldSimple" not in body
    assert b'descr="=1+1 MERGEFIELD"' in body


@pytest.mark.parametrize(
    ("limits", "works"),
    [(Limits(memory=150_000_000), False), (Limits(seconds=0.2), False), (Limits(), True)],
    ids=["too little memory", "too little time", "control: enough"],
)
async def test_a_rendering_is_bounded_from_outside(limits: Limits, *, works: bool) -> None:
    long = document(rows=1_000)
    if works:
        assert (await render(long, "pdf", limits)).startswith(b"%PDF")
        return
    with pytest.raises(RenderingFailed):
        await render(long, "pdf", limits)


def test_a_font_that_is_missing_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    demand_fonts()
    for content in (None, b"", b"OTTO\x00\x01" + bytes(40)):
        path = tmp_path / "font.otf"
        if content is not None:
            path.write_bytes(content)
        fonts._covered.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(fonts.pylopdf_fonts_zh_cn, "serif_path", lambda path=path: path)
            with pytest.raises(FontMissing):
                demand_fonts()
    fonts._covered.cache_clear()
    demand_fonts()


def test_periods_headings_and_movements_are_said() -> None:
    said = [period_words(parse_period(key)) for key in ("2015-03", "2015-Q1", "2015-Q4", "2015-H1", "2015-H2", "2015")]
    assert said == ["2015年3月", "2015年第一季度", "2015年第四季度", "2015年上半年", "2015年下半年", "2015年度"]
    assert [numbered(place) for place in (1, 10, 11, 19)] == ["一", "十", "十一", "十九"]
    assert [moved_words(moved) for moved in (None, 0, 2, -3)] == ["—", "持平", "升2", "降3"]
    table = Columns([("名", 2, False), ("数", 1, True)]).table
    assert (table.head, table.widths, table.right) == (["名", "数"], [2, 1], [False, True])
