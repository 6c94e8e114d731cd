"""Recipes for the routes of audit_svc. Each unit has problems at three places, see bureau.py."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.contracts.identity import indicator_id, unit_id
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, HEAD, NEXT_HEAD, OFFICE, Bureau, leader
from tests.permissions.recipe import (
    Ask,
    Recipe,
    common,
    held,
    plain,
    tag,
    trail,
    whole_bureau,
    within,
)
from tests.permissions.tree import EVALUATED, MERGED, Caller, covert

_A = "audit_svc"
_ONE = ("QD1",)
_SET = cards.SET["code"]
# Findings count in a quarter, see cards.finding.
_QUARTER = "2015-Q1"
_STANDING = tuple(unit for unit in EVALUATED if unit != MERGED)
_OF_PROBLEM = {
    "problems": ("problem_id", "SELECT problem_id FROM problems WHERE unit_id = $1 AND indicator_id = $2"),
    "cases": ("case_id", "SELECT case_id FROM problems WHERE unit_id = $1 AND indicator_id = $2"),
    "interviews": (
        "interview_id",
        (
            "SELECT i.interview_id FROM interviews i JOIN problems p USING (problem_id) "
            "WHERE p.unit_id = $1 AND p.indicator_id = $2 ORDER BY i.no"
        ),
    ),
    "rectifications": (
        "rectification_id",
        (
            "SELECT r.rectification_id FROM rectifications r JOIN problems p USING (problem_id) "
            "WHERE p.unit_id = $1 AND p.indicator_id = $2"
        ),
    ),
}


async def _key(bureau: Bureau, room: str, unit: str, place: int) -> Any:
    indicator = indicator_id(_SET, cards.indicator_at(place, unit))
    found = await bureau.one(_A, _OF_PROBLEM[room][1], unit_id(unit), indicator)
    assert found is not None, (room, unit, place)
    return found


async def _version(bureau: Bureau, room: str, key: Any) -> Any:
    return await bureau.one(_A, f"SELECT version FROM {room} WHERE {_OF_PROBLEM[room][0]} = $1", key)


def _of(
    room: str, place: int, verb: str = "", body: Callable[[str], Any] | None = None, *, versioned: bool = False
) -> Callable[[Bureau, Caller, str], Awaitable[Ask]]:
    """Ask for, or do something with, what a unit has in a room at a place of the follow-up."""

    async def ask(bureau: Bureau, _: Caller, unit: str) -> Ask:
        key = await _key(bureau, room, unit, place)
        headers = tag(await _version(bureau, room, key)) if versioned else {}
        return Ask(f"/v1/{room}/{key}{verb}", body=body(unit) if body else None, headers=headers)

    return ask


async def _signature(bureau: Bureau, _: Caller, unit: str) -> Ask:
    key = await _key(bureau, "interviews", unit, 2)
    statement = (
        "SELECT content_hash FROM interview_records WHERE interview_id = $1 ORDER BY record_version DESC LIMIT 1"
    )
    body = {"side": "interviewee", "content_hash": await bureau.one(_A, statement, key)}
    return Ask(f"/v1/interviews/{key}/signatures", body=body)


async def _plan(bureau: Bureau, _: Caller, unit: str) -> Ask:
    key = await _key(bureau, "problems", unit, 0)
    return Ask("/v1/rectifications", body=cards.plan(str(key), leader(unit), "计划"))


async def _new_finding(_: Bureau, __: Caller, unit: str) -> Ask:
    return Ask("/v1/findings", body=cards.finding(unit, "发现"))


def _finding(state: str, verb: str = "", body: Any = None) -> Callable[[Bureau, Caller, str], Awaitable[Ask]]:
    async def ask(bureau: Bureau, _: Caller, unit: str) -> Ask:
        key = await bureau.one(
            _A,
            "SELECT finding_id FROM findings WHERE unit_id = $1 ORDER BY state <> $2, finding_id LIMIT 1",
            unit_id(unit),
            state,
        )
        assert key is not None, (unit, state)
        return Ask(f"/v1/findings/{key}{verb}", body=body)

    return ask


async def _policy(bureau: Bureau, _: Caller, __: str) -> Ask:
    version = await bureau.one(_A, "SELECT max(version) FROM policies WHERE code = 'QP2'")
    return Ask("/v1/policies/QP2", body={**cards.POLICY, "sets": ["NO-SUCH-SET"]}, headers=tag(version))


def _covert_marks(unit: str) -> tuple[str, ...]:
    return (covert(unit),)


def _rows(path: str, permission: str, period: str = CONFIRMED) -> Recipe:
    sees = held(permission, period, EVALUATED)
    return Recipe(_A, "GET", path, "rows", plain(path), sees, unit_filter="unit", pages=True)


def _object(path: str, permission: str, ask: Any, period: str = CONFIRMED) -> Recipe:
    return Recipe(_A, "GET", path, "object", ask, held(permission, period, EVALUATED))


def _write(path: str, permission: str, ask: Any, **more: Any) -> Recipe:
    return Recipe(_A, "POST", path, "write", ask, within(permission, EVALUATED), **more)


# What nobody has confirmed yet is for who inspects, decides or oversees; never for the unit.
_UNCONFIRMED = held("findings.read.unconfirmed", _QUARTER, EVALUATED)
_HASH = "a" * 64
_AT_INTERVIEW = "/v1/interviews/{interview_id}"
_AT_CURE = "/v1/rectifications/{rectification_id}"
_SUCCESSION = {"side": "interviewer", "person": NEXT_HEAD, "reason": "调离"}
_CAUSE = {"causes": [{"kind": "process", "text": "原因"}], "text": "原因"}
RECIPES = (
    _rows("/v1/problems", "problems.read"),
    _object("/v1/problems/{problem_id}", "problems.read", _of("problems", 2)),
    # Services alone, over the whole bureau; it names no unit.
    Recipe(
        _A,
        "GET",
        "/v1/problem-register",
        "object",
        plain("/v1/problem-register", set=_SET, period=CONFIRMED),
        whole_bureau("problems.register"),
        _ONE,
        shows=False,
        names=True,
    ),
    _rows("/v1/cases", "problems.read"),
    _object("/v1/cases/{case_id}", "problems.read", _of("cases", 2)),
    common(_A, "policies.read", "/v1/policies/{code}", code="QP"),
    Recipe(
        _A,
        "GET",
        "/v1/reconciliation",
        "object",
        plain("/v1/reconciliation", set=_SET, period=CONFIRMED),
        whole_bureau("reconciliation.read"),
        _ONE,
        shows=False,
        names=True,
    ),
    _rows("/v1/interviews", "interviews.read"),
    _object(_AT_INTERVIEW, "interviews.read", _of("interviews", 2)),
    _rows("/v1/rectifications", "rectifications.read"),
    _object(_AT_CURE, "rectifications.read", _of("rectifications", 2)),
    _rows("/v1/findings", "findings.read", _QUARTER),
    Recipe(_A, "GET", "/v1/findings", "rows", plain("/v1/findings"), _UNCONFIRMED, marks=_covert_marks, names=True),
    _object("/v1/findings/{finding_id}", "findings.read", _finding("confirmed"), _QUARTER),
    Recipe(
        _A,
        "GET",
        "/v1/findings/{finding_id}",
        "object",
        _finding("recorded"),
        _UNCONFIRMED,
        marks=_covert_marks,
    ),
    trail(_A),
    _write(
        "/v1/problems/{problem_id}/cause-analysis",
        "problems.analyse",
        _of("problems", 0, "/cause-analysis", lambda _: _CAUSE, versioned=True),
    ),
    Recipe(_A, "PUT", "/v1/policies/{code}", "write", _policy, whole_bureau("policies.publish"), _ONE),
    _write(
        f"{_AT_INTERVIEW}/notice",
        "interviews.arrange",
        _of("interviews", 0, "/notice", lambda unit: cards.notice(NEXT_HEAD, leader(unit), "通知"), versioned=True),
    ),
    _write(
        f"{_AT_INTERVIEW}/record",
        "interviews.record",
        _of("interviews", 1, "/record", lambda unit: cards.record(HEAD, OFFICE, leader(unit), "记录"), versioned=True),
    ),
    _write(
        f"{_AT_INTERVIEW}/successions",
        "interviews.arrange",
        _of("interviews", 2, "/successions", lambda _: _SUCCESSION, versioned=True),
    ),
    # Only the person whom the notice names may sign; others within reach are told so, which is no secret.
    _write(f"{_AT_INTERVIEW}/signatures", "interviews.sign", _signature, only_works_for=leader),
    _write(
        f"{_AT_INTERVIEW}/refusals",
        "interviews.record",
        _of("interviews", 1, "/refusals", lambda _: {"side": "interviewee", "reason": "异议", "witness": OFFICE}),
    ),
    _write("/v1/rectifications", "rectifications.plan", _plan),
    _write(f"{_AT_CURE}/acceptance", "rectifications.decide", _of("rectifications", 1, "/acceptance", versioned=True)),
    _write(
        f"{_AT_CURE}/extension",
        "rectifications.decide",
        _of("rectifications", 2, "/extension", lambda _: {"until": "2015-12-31", "reason": "晚到"}),
    ),
    _write(
        f"{_AT_CURE}/actions/{{no}}/completion",
        "rectifications.act",
        _of("rectifications", 2, "/actions/1/completion", lambda _: {"note": "清单", "hash": _HASH}),
    ),
    _write(
        f"{_AT_CURE}/report", "rectifications.act", _of("rectifications", 2, "/report", lambda _: {"text": "已完成"})
    ),
    _write(
        f"{_AT_CURE}/return",
        "rectifications.decide",
        _of("rectifications", 2, "/return", lambda _: {"reason": "不足"}, versioned=True),
    ),
    _write("/v1/findings", "findings.record", _new_finding, objects=_STANDING),
    _write("/v1/findings/{finding_id}/confirmation", "findings.confirm", _finding("recorded", "/confirmation")),
    _write(
        "/v1/findings/{finding_id}/withdrawal",
        "findings.withdraw",
        _finding("confirmed", "/withdrawal", {"reason": "不实"}),
    ),
)
