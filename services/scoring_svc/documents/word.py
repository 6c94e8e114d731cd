"""A document in Word's form. Texts go in as text nodes: nothing in them is read as markup or as a field.

Fonts are named, not embedded: Word and WPS have SimSun and SimHei, and put others in their place where they do not.
"""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import docx
import msgspec
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from services.scoring_svc.documents.blocks import Bars, Block, Document, Note, Section, Table

_BODY, _HEADINGS = "SimSun", "SimHei"
_ACCENT = RGBColor(0x9B, 0x1C, 0x1C)
_TINT = "E8EDF3"
_SMALL = 16  # half points
_TWIPS_PER_CM = 567
_PORTRAIT, _LANDSCAPE = Cm(17), Cm(25.7)
_STAMP = (1980, 1, 1, 0, 0, 0)


def as_word(document: Document, chart: Callable[[Bars], bytes]) -> bytes:
    """The document; `chart` draws bars as PNG. The same document gives the same bytes."""
    word: Any = docx.Document()
    _prepare(word, document)
    _title_page(word, document)
    wide = False
    word.add_page_break()
    for section in document.sections:
        if section.wide != wide:
            wide = section.wide
            _turn(word.add_section(), wide=wide)
        _section(word, section, chart)
    made = io.BytesIO()
    word.save(made)
    return _without_clock(made.getvalue())


def _prepare(word: Any, document: Document) -> None:
    for name, font, size in (("Normal", _BODY, 10.5), ("Heading 1", _HEADINGS, 14), ("Title", _HEADINGS, 24)):
        style = word.styles[name]
        style.font.name, style.font.size = font, Pt(size)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for kind in ("w:eastAsia", "w:ascii", "w:hAnsi", "w:cs"):
            fonts.set(qn(kind), font)
        for theme in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(theme), None)
        if name != "Normal":
            style.font.color.rgb = _ACCENT
    _turn(word.sections[0], wide=False)
    moment = datetime(**msgspec.to_builtins(document.made))  # noqa: DTZ001 - the form has no zone here
    about = word.core_properties
    about.title, about.author, about.last_modified_by = document.title[:255], document.author[:255], ""
    about.language, about.comments, about.created, about.modified = "zh-CN", "", moment, moment
    footer = word.sections[0].footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    _element("w:t", _element("w:r", field)).text = "1"  # what is shown until the field is worked out
    footer._p.append(field)  # noqa: SLF001 - the library has no fields


def _turn(section: Any, *, wide: bool) -> None:
    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (Cm(29.7), Cm(21)) if wide else (Cm(21), Cm(29.7))
    section.left_margin = section.right_margin = Cm(2)
    section.top_margin = section.bottom_margin = Cm(2.2)


def _title_page(word: Any, document: Document) -> None:
    for _ in range(5):
        word.add_paragraph()
    word.add_paragraph(document.title, style="Title").alignment = WD_ALIGN_PARAGRAPH.CENTER
    word.add_paragraph(document.subtitle).alignment = WD_ALIGN_PARAGRAPH.CENTER
    word.add_paragraph()
    _table(word, Table([], document.facts, [False, False], [3, 7]), _PORTRAIT)


def _section(word: Any, section: Section, chart: Callable[[Bars], bytes]) -> None:
    word.add_heading(section.title, level=1)
    width = _LANDSCAPE if section.wide else _PORTRAIT
    for block in section.blocks:
        _block(word, block, width, chart)


def _block(word: Any, block: Block, width: int, chart: Callable[[Bars], bytes]) -> None:
    if isinstance(block, Table):
        _table(word, block, width)
        word.add_paragraph().paragraph_format.space_after = Pt(0)
    elif isinstance(block, Bars):
        picture = word.add_picture(io.BytesIO(chart(block)), width=width)
        picture._inline.docPr.set("descr", block.alt)  # noqa: SLF001 - the library has no other way to say it
    else:
        paragraph = word.add_paragraph(block.text)
        if isinstance(block, Note):
            paragraph.runs[0].font.size = Pt(8.5)
        else:
            paragraph.paragraph_format.first_line_indent = Pt(21)


def _table(word: Any, table: Table, width: int) -> None:
    """A table written element by element: the library's own cells take time that grows with the square of the rows."""
    twips = int(width / Cm(1) * _TWIPS_PER_CM)
    widths = [twips * one // sum(table.widths) for one in table.widths]
    made = _element("w:tbl")
    look = _element("w:tblPr", made)
    _element("w:tblStyle", look, val="TableGrid")
    _element("w:tblW", look, w=str(twips), type="dxa")
    _element("w:tblLayout", look, type="fixed")
    grid = _element("w:tblGrid", made)
    for one in widths:
        _element("w:gridCol", grid, w=str(one))
    if table.head:
        _row(made, table.head, table.right, widths, head=True)
    for row in table.rows:
        _row(made, row, table.right, widths, head=False)
    word.element.body.insert_element_before(made, "w:sectPr")


def _row(table: Any, texts: Sequence[str], right: Sequence[bool], widths: Sequence[int], *, head: bool) -> None:
    row = _element("w:tr", table)
    about = _element("w:trPr", row)
    _element("w:cantSplit", about)
    if head:
        _element("w:tblHeader", about)
    for text, to_right, width in zip(texts, right, widths, strict=True):
        cell = _element("w:tc", row)
        look = _element("w:tcPr", cell)
        _element("w:tcW", look, w=str(width), type="dxa")
        if head:
            _element("w:shd", look, val="clear", color="auto", fill=_TINT)
        paragraph = _element("w:p", cell)
        shape = _element("w:pPr", paragraph)
        _element("w:spacing", shape, before="20", after="20")
        if to_right:
            _element("w:jc", shape, val="right")
        run = _element("w:r", paragraph)
        letters = _element("w:rPr", run)
        if head:
            _element("w:b", letters)
        _element("w:sz", letters, val=str(_SMALL))
        for number, line in enumerate(text.split("\n")):
            if number:
                _element("w:br", run)
            written = _element("w:t", run)
            written.text = line
            written.set(qn("xml:space"), "preserve")


def _element(name: str, parent: Any = None, **values: str) -> Any:
    made = OxmlElement(name, attrs={qn(f"w:{key}"): value for key, value in values.items()})
    if parent is not None:
        parent.append(made)
    return made


def _without_clock(packed: bytes) -> bytes:
    """The same archive with one date for all its members, which the library takes from the wall."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, _STAMP), source.read(name), zipfile.ZIP_DEFLATED)
    return made.getvalue()
