"""Identities that everything hangs on, derived from natural codes so that every service computes the same ones.

uuid5 makes creating an object twice under one code the same object, in whichever service and whatever year.
"""

from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

_ROOT = uuid5(NAMESPACE_URL, "urn:liandong")


def _identity(kind: str, *codes: str) -> UUID:
    return uuid5(_ROOT, "/".join((kind, *codes)))


@lru_cache(maxsize=65_536)  # what a reader may see is asked by the ids of the units above them, on every read
def unit_id(code: str) -> UUID:
    """The identity of a unit (单位); a later rename or move keeps it."""
    return _identity("unit", code)


def person_id(code: str) -> UUID:
    """The identity of a person by staff number; it is also the subject of the person's tokens."""
    return _identity("person", code)


def metric_id(code: str) -> UUID:
    """The identity of a metric (指标结果数据的口径)."""
    return _identity("metric", code)


def set_id(code: str) -> UUID:
    """The identity of an indicator set (指标体系)."""
    return _identity("indicator_set", code)


def indicator_id(set_code: str, code: str) -> UUID:
    """The identity of an indicator (指标) within its set."""
    return _identity("indicator", set_code, code)


def deduction_id(indicator: UUID, unit: UUID, period: str) -> UUID:
    """The identity of the deduction (扣分) of one cell: the same for ever, through all its versions."""
    return _identity("deduction", str(indicator), str(unit), period)
