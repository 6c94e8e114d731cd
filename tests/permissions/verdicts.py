"""What an answer means for the matrix: let through, refused, or broken; and whose marks stand in it."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import httpx

from tests.permissions.recipe import Recipe
from tests.permissions.tree import UNITS, above, weak_marks

Meaning = Literal["through", "refused", "broken"]
# Rules about persons, not about units: whoever hears of them was let through.
_PERSONAL = frozenset(
    {
        "not_the_named_person",
        "own_appointment",
        "own_decision",
        "own_personal_result",
        "own_units_request",
        "own_units_correction",
        "role_not_yours",
        "second_person_needed",
    }
)
_OUTSIDE = frozenset({"outside_scope"})


def meaning(answer: httpx.Response) -> Meaning:
    """A refusal for want of permission or scope, in whatever form; every other answer was let through."""
    if answer.status_code >= 500:
        return "broken"
    body = _document(answer)
    if answer.status_code in {401, 403, 404}:
        return "through" if body.get("code") in _PERSONAL or body.get("code") == "period_unknown" else "refused"
    codes = {error.get("code") for error in body.get("errors") or () if isinstance(error, dict)}
    return "refused" if codes and codes <= _OUTSIDE else "through"


def worked(answer: httpx.Response) -> bool:
    """Whether the request did what it says."""
    return answer.is_success and not _document(answer).get("rejected")


def code_of(answer: httpx.Response) -> str:
    """Status and code, for a complaint."""
    return f"{answer.status_code} {_document(answer).get('code', '')}".strip()


def _document(answer: httpx.Response) -> dict[str, Any]:
    if "json" not in answer.headers.get("content-type", ""):
        return {}
    body = answer.json()
    return body if isinstance(body, dict) else {}


def marked(recipe: Recipe, text: str, units: Iterable[str]) -> frozenset[str]:
    """The units whose marks stand in a text."""
    return frozenset(unit for unit in units if any(mark in text for mark in recipe.marks(unit)))


def named(text: str, allowed: Iterable[str], asked: Sequence[str] = ()) -> frozenset[str]:
    """The units outside the allowed ones, and not above them, whose codes or ids stand in a text."""
    fine = set(allowed) | set(asked)
    for unit in tuple(fine):
        fine |= above(unit)
    return frozenset(unit for unit in UNITS if unit not in fine and any(mark in text for mark in weak_marks(unit)))
