"""Reading the pack's files so that every complaint can name file and line.

What belongs here: text to rows and documents. What the rows mean is `loader`'s.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from deploy.local.wuhan2015.records import PackFileInvalid

DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True)
class Row:
    """One line of a CSV file."""

    file: str
    line: int
    cells: dict[str, str]

    def invalid(self, problem: str) -> PackFileInvalid:
        """The complaint about this row, ready to be raised."""
        return PackFileInvalid(self.file, self.line, problem)

    def text(self, column: str) -> str:
        """The cell, which may not be empty."""
        value = self.cells[column]
        if not value:
            raise self.invalid(f"{column} is empty")
        return value

    def one_of(self, column: str, choices: Sequence[str]) -> str:
        """The cell, which must be one of the choices."""
        value = self.cells[column]
        if value not in choices:
            raise self.invalid(f"{column} is {value!r}, not one of {', '.join(choices)}")
        return value

    def day(self, column: str) -> date:
        """The cell as a date like 2015-01-31."""
        try:
            return date.fromisoformat(self.cells[column])
        except ValueError:
            raise self.invalid(f"{column} is {self.cells[column]!r}, not a date like 2015-01-31") from None

    def json(self, column: str) -> Any:
        """The cell as JSON; None where it is empty."""
        if not self.cells[column]:
            return None
        try:
            return json.loads(self.cells[column])
        except json.JSONDecodeError as error:
            raise self.invalid(f"{column} is not JSON: {error.msg}") from None


def read_text(folder: Path, name: str) -> str:
    """The file as text; a file that is absent or not UTF-8 is named."""
    try:
        return (folder / name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise PackFileInvalid(name, 1, "the file is not UTF-8 text") from None
    except OSError as error:
        raise PackFileInvalid(name, 1, f"cannot be read: {error.strerror}") from None


def read_rows(folder: Path, name: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file whose header must be exactly `columns`."""
    reader = csv.reader(read_text(folder, name).splitlines(), strict=True)
    try:
        header = next(reader, [])
        if header != list(columns):
            raise PackFileInvalid(name, 1, f"the header must be {','.join(columns)}")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(columns):
                raise PackFileInvalid(name, reader.line_num, f"{len(cells)} cells where the header has {len(columns)}")
            yield Row(name, reader.line_num, dict(zip(columns, (cell.strip() for cell in cells), strict=True)))
    except csv.Error as error:
        raise PackFileInvalid(name, reader.line_num, str(error)) from None


@dataclass(frozen=True)
class Document:
    """A JSON file, with its text kept so that a complaint can point to the line of a code."""

    file: str
    text: str
    content: dict[str, Any]

    def invalid(self, near: str, problem: str) -> PackFileInvalid:
        """The complaint about the object that holds `near`, ready to be raised."""
        at = max(self.text.find(f'"{near}"'), 0)
        return PackFileInvalid(self.file, self.text.count("\n", 0, at) + 1, problem)

    def take(self, item: dict[str, Any], near: str, name: str, kind: type | tuple[type, ...]) -> Any:
        """A field of an object, which must be there and be of this kind."""
        if name not in item:
            raise self.invalid(near, f"{near}: the field {name} is absent")
        value = item[name]
        # A JSON true is an int for Python; no number of the pack may be written so.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise self.invalid(near, f"{near}: the field {name} has the wrong kind of value")
        return value

    def decimal(self, item: dict[str, Any], near: str, name: str) -> Decimal:
        """A field that is a decimal number written as text."""
        value = self.take(item, near, name, str)
        if not DECIMAL.fullmatch(value):
            raise self.invalid(near, f"{near}: {name} is {value!r}, not a decimal number as text")
        return Decimal(value)


def _no_float(text: str) -> Any:
    raise InvalidOperation(text)


def _no_repeats(file: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise PackFileInvalid(file, 1, f"the key {name!r} stands twice in one object")
        return dict(pairs)

    return check


def read_document(folder: Path, name: str) -> Document:
    """A JSON file; binary fractions are refused, for numbers are decimals written as text."""
    text = read_text(folder, name)
    try:
        content = json.loads(text, parse_float=_no_float, object_pairs_hook=_no_repeats(name))
    except json.JSONDecodeError as error:
        raise PackFileInvalid(name, error.lineno, f"not JSON: {error.msg}") from None
    except InvalidOperation as error:
        line = text.count("\n", 0, text.find(str(error))) + 1
        raise PackFileInvalid(name, line, f"the number {error} must be written as text") from None
    if not isinstance(content, dict):
        raise PackFileInvalid(name, 1, "the file must hold one JSON object")
    return Document(name, text, content)
