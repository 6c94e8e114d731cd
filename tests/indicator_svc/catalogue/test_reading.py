"""Who reads which published cards, and how lists go on."""

import pytest

from shared.contracts.identity import indicator_id
from shared.contracts.roles import Role, Scope
from shared.testing import RunningService


@pytest.mark.parametrize(
    ("unit", "role", "scope", "sees"),
    [
        ("D1", Role.UNIT_LIAISON, Scope.OWN, ["C1", "C2"]),
        ("D1-T", Role.UNIT_LEADER, Scope.OWN, ["C1", "C2"]),
        ("D2", Role.UNIT_LIAISON, Scope.OWN, ["C1"]),
        ("DEP", Role.EVALUATING_DEPARTMENT, Scope.OWN, ["C1"]),
        ("DEP2", Role.EVALUATING_DEPARTMENT, Scope.OWN, ["C2"]),
        ("R", Role.COMMITTEE, Scope.SUBTREE, ["C1", "C2"]),
        ("D2", Role.AUDITOR, Scope.ALL, ["C1", "C2"]),
        ("X", Role.UNIT_LIAISON, Scope.SUBTREE, []),
    ],
)
async def test_cards_are_read_by_whom_they_concern(
    seen: RunningService, unit: str, role: Role, scope: Scope, sees: list[str]
) -> None:
    person = await seen.seed_person(f"{unit}-{role}-{scope}", unit, role, scope=scope)
    reader = seen.client(person=person)
    listed = await reader.get("/v1/indicators")
    assert [one["code"] for one in listed.json()["items"]] == sees
    for code in ("C1", "C2"):
        answer = await reader.get(f"/v1/indicators/{indicator_id('S', code)}")
        assert answer.status_code == (200 if code in sees else 404)
    sets = await reader.get("/v1/indicator-sets")
    assert [one["code"] for one in sets.json()["items"]] == (["S"] if sees else [])


async def test_lists_are_filtered_and_paged(seen: RunningService) -> None:
    office = seen.client(person="OFFICE")
    filters = {"evaluating_unit=DEP2": ["C2"], "level1=甲": ["C1", "C2"], "set=NONE": [], "fill_mode=review": []}
    for query, expected in filters.items():
        found = await office.get(f"/v1/indicators?{query}")
        assert [one["code"] for one in found.json()["items"]] == expected
    first = (await office.get("/v1/indicators?limit=1")).json()
    second = (await office.get(f"/v1/indicators?limit=1&cursor={first['next']}")).json()
    assert [one["code"] for one in (*first["items"], *second["items"])] == ["C1", "C2"]
    assert second["next"] is None
