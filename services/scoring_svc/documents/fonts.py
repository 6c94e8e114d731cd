"""The Chinese fonts of documents: where they lie, whether they are there, which characters they have.

They come with a package, so that no font of the machine is needed or used. A font that is missing would fail nothing by
itself: the page would be empty. So the files are read when the service starts, and every text is compared with them.
"""

import struct
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pylopdf_fonts_zh_cn

FAMILIES = frozenset({"Noto Sans SC", "Noto Serif SC"})
_SAMPLE = "税务绩效考核报告：第一季度得分一二三，0123456789.（）"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNICODE_FULL = ((3, 10), (0, 4), (0, 6))
_GROUPS = 12


class FontMissing(RuntimeError):
    """A font file is not there, or has no Chinese."""


def folder() -> Path:
    """Where the font files lie."""
    return pylopdf_fonts_zh_cn.sans_path().parent


def demand_fonts() -> None:
    """Raise FontMissing unless both fonts are there and have what every report says."""
    lacking = [letter for letter in _SAMPLE if not has_glyph(letter)]
    if lacking:
        raise FontMissing(f"the fonts in {folder()} lack {''.join(lacking)}")


def has_glyph(letter: str) -> bool:
    """Whether both fonts have the character."""
    code = ord(letter)
    return all(_in_ranges(ranges, code) for ranges in _covered())


def readable(text: str, has: Callable[[str], bool] = lambda _: True) -> str:
    """The text as it can be shown: what cannot be seen, or has no glyph, by its code point, such as 〔U+1F600〕.

    Controls and marks of direction are among it: they would let a name look like another one.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        one if one == "\n" or (unicodedata.category(one) not in _UNSEEN and has(one)) else f"〔U+{ord(one):04X}〕"
        for one in text
    )


def made_readable(value: Any, has: Callable[[str], bool]) -> Any:
    """The same for every text inside plain data."""
    if isinstance(value, str):
        return readable(value, has)
    if isinstance(value, dict):
        return {name: made_readable(one, has) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [made_readable(one, has) for one in value]
    return value


def _in_ranges(ranges: list[tuple[int, int]], code: int) -> bool:
    place = bisect_right(ranges, (code, 0x110000)) - 1
    return place >= 0 and ranges[place][0] <= code <= ranges[place][1]


@cache
def _covered() -> tuple[list[tuple[int, int]], ...]:
    return tuple(_ranges(path) for path in (pylopdf_fonts_zh_cn.sans_path(), pylopdf_fonts_zh_cn.serif_path()))


def _ranges(path: Path) -> list[tuple[int, int]]:
    """The characters of a font as ranges, from its `cmap` (OpenType 1.9, format 12)."""
    try:
        data = path.read_bytes()
        (tables,) = struct.unpack_from(">H", data, 4)
        records = (struct.unpack_from(">4sLLL", data, 12 + 16 * number) for number in range(tables))
        cmap = next(offset for tag, _, offset, _ in records if tag == b"cmap")
        (count,) = struct.unpack_from(">H", data, cmap + 2)
        for number in range(count):
            platform, encoding, offset = struct.unpack_from(">HHL", data, cmap + 4 + 8 * number)
            (form,) = struct.unpack_from(">H", data, cmap + offset)
            if (platform, encoding) in _UNICODE_FULL and form == _GROUPS:
                (groups,) = struct.unpack_from(">L", data, cmap + offset + 12)
                start = cmap + offset + 16
                found = (struct.unpack_from(">LLL", data, start + 12 * group) for group in range(groups))
                return sorted((first + (glyph == 0), last) for first, last, glyph in found)
    except (OSError, StopIteration, struct.error) as error:
        raise FontMissing(f"{path} cannot be read as a font") from error
    raise FontMissing(f"{path} has no table of characters")
