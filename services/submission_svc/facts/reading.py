"""Reads the body of a batch into columns, naming every row that cannot be read. No database here."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.submission_svc.facts.domain import LONGEST_REASON, MOST_ROWS, IdScheme, Mode, Rows, Strategy, TooManyRows
from shared.contracts.periods import parse_period
from shared.errors import Detail, Malformed
from shared.json_body import read_json


class RowIn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One row as sent: a value as text (or a list of records), or a state with its reason.

    What JSON decodes to has no cycles, so the garbage collector need not walk 10,000 of them.
    """

    metric: str
    unit: str
    period: str
    value: Any = None
    state: str | None = None
    reason: str | None = None


class _Frame(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    mode: Mode
    strategy: Strategy = "create_and_update"
    id_scheme: IdScheme = "code"
    dry_run: bool = False


class BatchIn(_Frame, kw_only=True):
    """A batch as sent."""

    rows: list[RowIn]


class _LooseBatch(_Frame, kw_only=True):
    rows: list[msgspec.Raw]


_batch = msgspec.json.Decoder(BatchIn)
_loose = msgspec.json.Decoder(_LooseBatch)
_row = msgspec.json.Decoder(RowIn)
_UNREADABLE = RowIn("", "", "")


def read_batch(body: bytes) -> tuple[BatchIn, dict[int, str]]:
    """The batch, and the places of rows that are no rows (they stand empty in it).

    Raises Malformed, with the position where reading stopped, for a body that is no JSON or lacks a field, and for one
    that names a field twice.
    """
    try:
        batch = _batch.decode(body)
    except msgspec.ValidationError:
        _demand_names_once(body)
        return _read_row_by_row(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(details=[Detail("", "json_malformed", str(error))]) from error
    # Each name has a colon behind it. Where there are no more colons than names that were read, none was read over.
    if body.count(b":") != _names_read(batch):
        _demand_names_once(body)
    return batch, {}


def _names_read(batch: BatchIn) -> int:
    rows = batch.rows
    given = (batch.strategy != "create_and_update") + (batch.id_scheme != "code") + batch.dry_run
    optional = ([r.value for r in rows], [r.state for r in rows], [r.reason for r in rows])
    return 2 + given + 3 * len(rows) + sum(len(rows) - column.count(None) for column in optional)


def _demand_names_once(body: bytes) -> None:
    """Read the body anew, slower, where a name may stand twice. Raises Malformed."""
    try:
        read_json(body)
    except ValueError as error:
        raise Malformed(details=[Detail("", "json_malformed", str(error))]) from error


def _read_row_by_row(body: bytes) -> tuple[BatchIn, dict[int, str]]:
    try:
        loose = _loose.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(details=[Detail("", "malformed", str(error))]) from error
    rows, faults = [], {}
    for place, raw in enumerate(loose.rows):
        try:
            rows.append(_row.decode(raw))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            rows.append(_UNREADABLE)
            faults[place] = "row_malformed"
    batch = BatchIn(
        mode=loose.mode, strategy=loose.strategy, id_scheme=loose.id_scheme, dry_run=loose.dry_run, rows=rows
    )
    return batch, faults


def rows_of(rows: Sequence[RowIn], faults: dict[int, str], id_scheme: IdScheme, *, has_nul: bool) -> Rows:
    """The rows column by column. The ordinary batch costs a few list comprehensions; oddities are looked at singly.

    `has_nul` says that the body writes U+0000 somewhere, which no text column can hold. Raises TooManyRows.
    """
    if len(rows) > MOST_ROWS:
        raise TooManyRows(limit=MOST_ROWS)
    if has_nul:
        rows = [_without_nul(place, row, faults) for place, row in enumerate(rows)]
    metrics, units, periods = [r.metric for r in rows], [r.unit for r in rows], [r.period for r in rows]
    if id_scheme == "id":
        metrics, units = [_canonical(each) for each in metrics], [_canonical(each) for each in units]
    values, listed = _texts([r.value for r in rows], faults)
    _name_unreadable_periods(periods, faults)
    # Texts, not tuples: 10,000 of those at once would call the garbage collector. None of them holds U+0000.
    keys = [f"{metric}\0{unit}\0{period}" for metric, unit, period in zip(metrics, units, periods, strict=True)]
    if len(set(keys)) < len(keys):
        _name_duplicates(keys, faults)
    reasons = _reasons([r.reason for r in rows], faults)
    return Rows(metrics, units, periods, [r.state for r in rows], values, reasons, faults, frozenset(listed))


def _texts(values: list[Any], faults: dict[int, str]) -> tuple[list[str | None], set[int]]:
    """The values as text, lists of records as JSON, and the places of the lists."""
    listed: set[int] = set()
    if not all(type(value) is str for value in values):
        for place, value in enumerate(values):
            if type(value) is not str and value is not None:
                values[place] = _as_list(place, value, listed, faults)
    return values, listed


def _name_unreadable_periods(periods: Sequence[str], faults: dict[int, str]) -> None:
    unreadable = {period for period in set(periods) if not _is_period(period)}
    if unreadable:
        for place, period in enumerate(periods):
            if period in unreadable:
                faults.setdefault(place, "period_unknown")


def _reasons(reasons: list[str | None], faults: dict[int, str]) -> list[str | None]:
    for place, reason in enumerate(reasons):
        if reason is not None and len(reason) > LONGEST_REASON:
            faults.setdefault(place, "reason_too_long")
            reasons[place] = None
    return reasons


def _as_list(place: int, value: object, listed: set[int], faults: dict[int, str]) -> str | None:
    if isinstance(value, list):
        listed.add(place)
        return msgspec.json.encode(value).decode()
    faults.setdefault(place, "value_not_text")
    return None


def _name_duplicates(keys: Sequence[str], faults: dict[int, str]) -> None:
    often = Counter(keys)
    for place, key in enumerate(keys):
        if often[key] > 1:
            faults.setdefault(place, "row_duplicate")


def _canonical(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return text


def _is_period(text: str) -> bool:
    try:
        parse_period(text)
    except ValueError:
        return False
    return True


def _without_nul(place: int, row: RowIn, faults: dict[int, str]) -> RowIn:
    # Encoded again, U+0000 stands as an escape wherever it hides, also inside records.
    if b"\\u0000" in msgspec.json.encode(row):
        faults.setdefault(place, "row_malformed")
        return _UNREADABLE
    return row
