"""Request bodies as JSON that means one thing only: UTF-8, no name twice in an object, no number beyond the decimals.

Belongs here: reading bytes as JSON. Does not belong here: what a body may hold (each room's schemas).
"""

import json
from math import isfinite
from typing import Any

from shared.errors import Detail, Malformed


def read_json(body: bytes) -> Any:
    """The value that the body says. Raises json.JSONDecodeError where it is no JSON, Malformed where it is ambiguous.

    Two parts that read the same body must not see two different values; which of two equal names counts, and what NaN
    is, every reader decides for itself (RFC 8259 §4, RFC 7493).
    """
    try:
        return json.loads(
            body.decode(), object_pairs_hook=_once_each, parse_constant=_refused_number, parse_float=_finite
        )
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed(details=[Detail("", "json_unreadable", "too deep, too long a number, or no UTF-8")]) from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Malformed(details=[Detail("", "json_name_twice", _shown(twice))])
    return read


def _refused_number(text: str) -> Any:
    raise Malformed(details=[Detail("", "json_number_unknown", text)])


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        _refused_number(_shown(text))
    return number


def _shown(text: str) -> str:
    """As much of a sender's text as an answer repeats, without what UTF-8 cannot say."""
    return text[:60].encode(errors="replace").decode()
