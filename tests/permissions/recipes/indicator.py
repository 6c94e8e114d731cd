"""Recipes for the routes of indicator_svc."""

from typing import Any

from shared.contracts.identity import indicator_id, metric_id, unit_id
from tests.permissions import cards
from tests.permissions.bureau import Bureau, victim
from tests.permissions.oracle import Permissions, audience
from tests.permissions.recipe import (
    ALL_EVALUATED,
    ALL_UNITS,
    NONE,
    Ask,
    Recipe,
    Sees,
    Units,
    all_evaluated,
    below_within,
    common,
    held,
    plain,
    tag,
    trail,
    whole_bureau,
    within,
)
from tests.permissions.tree import EVALUATED, EVALUATOR, OTHER_EVALUATOR, STANDING, TODAY, UNITS, Caller

_I = "indicator_svc"
_SINCE, _THEN = "2015-01-01", "2015-01-15"
_SET, _DRAFTS = cards.SET["code"], cards.DRAFT_SET["code"]


async def _new_unit(_: Bureau, caller: Caller, unit: str) -> Ask:
    row = {
        "code": f"N{unit}-{caller.code}",
        "name": "新",
        "kind": "tax_office",
        "parent_code": unit,
        "effective_from": TODAY,
    }
    return Ask("/v1/unit-batches", body={"units": [row]})


async def _regroup(bureau: Bureau, caller: Caller, unit: str) -> Ask:
    version = await bureau.one(_I, "SELECT max(version) FROM directory_unit_spans WHERE unit_id = $1", unit_id(unit))
    body = {"effective_from": "2015-02-10", "groups": {"tried_by": caller.code}}
    return Ask(f"/v1/units/{unit}", body=body, headers=tag(version))


async def _new_person(_: Bureau, caller: Caller, unit: str) -> Ask:
    row = {"code": f"N-{unit}-{caller.code}", "name": "新人", "unit_code": unit, "post": "干部"}
    return Ask("/v1/person-batches", body={"people": [row]})


async def _appoint(_: Bureau, __: Caller, unit: str) -> Ask:
    row = {
        "person_code": victim(unit),
        "role": "inspector",
        "unit_code": unit,
        "scope": "own",
        "effective_from": _SINCE,
    }
    return Ask("/v1/appointment-batches", body={"appointments": [row]})


async def _term(bureau: Bureau, unit: str) -> tuple[Any, Any]:
    statement = (
        "SELECT {} FROM directory_appointments a JOIN directory_people p ON p.person_id::text = a.subject "
        "WHERE p.code = $1 AND a.role = 'committee'"
    )
    code = victim(unit)
    return await bureau.one(_I, statement.format("appointment_id"), code), await bureau.one(
        _I, statement.format("a.version"), code
    )


async def _move(bureau: Bureau, caller: Caller, unit: str) -> Ask:
    key, version = await _term(bureau, unit)
    day = 1 + int(caller.code[-2:]) % 28
    return Ask(f"/v1/appointments/{key}", body={"effective_to": f"2016-12-{day:02d}"}, headers=tag(version))


async def _revoke(bureau: Bureau, _: Caller, unit: str) -> Ask:
    key, __ = await _term(bureau, unit)
    return Ask(f"/v1/appointments/{key}/revocations", body={"reason": "调离"})


async def _approval(_: Bureau, caller: Caller, unit: str) -> Ask:
    body = {"document": f"文{caller.code}", "unit_codes": [unit], "since": _SINCE, "reason": "补录"}
    return Ask("/v1/backdating-approvals", body=body)


async def _calendar(bureau: Bureau, _: Caller, __: str) -> Ask:
    version = await bureau.one(_I, "SELECT version FROM directory_calendar_years WHERE year = 2016")
    days = [{"day": "2016-01-01", "kind": "closed", "name": "元旦"}]
    return Ask("/v1/calendars/2016", body={"days": days}, headers=tag(version))


async def _new_metric(_: Bureau, caller: Caller, __: str) -> Ask:
    return Ask("/v1/metric-batches", body={"metrics": [cards.metric(f"N-{caller.code}", [])]})


async def _change_metric(bureau: Bureau, _: Caller, __: str) -> Ask:
    code = cards.INSPECTED
    version = await bureau.one(_I, "SELECT version FROM metrics WHERE metric_id = $1", metric_id(code))
    body = {**cards.metric(code, []), "name": {"zh": "改", "en": "changed"}}
    return Ask(f"/v1/metrics/{code}", body=body, headers=tag(version))


async def _new_set(_: Bureau, caller: Caller, unit: str) -> Ask:
    code = f"N-{unit}-{caller.code}"
    body = {"code": code, "name": "新", "year": 2015, "evaluated_unit_codes": [unit], "full_marks": "2"}
    return Ask("/v1/indicator-sets", body=body)


async def _new_card(_: Bureau, caller: Caller, unit: str) -> Ask:
    card = cards.card(f"N-{unit}-{caller.code}", cards.EXTRACTED, unit, "新")
    return Ask(f"/v1/indicator-sets/{_DRAFTS}/card-batches", body={"cards": [card]})


async def _draft(_: Bureau, __: Caller, unit: str) -> Ask:
    return Ask(f"/v1/indicator-sets/{_DRAFTS}/cards/{cards.draft(unit)}")


async def _redraft(bureau: Bureau, caller: Caller, unit: str) -> Ask:
    code = cards.draft(unit)
    key = indicator_id(_DRAFTS, code)
    version = await bureau.one(_I, "SELECT version FROM card_drafts WHERE indicator_id = $1", key)
    body = cards.card(code, cards.OWN_CARD, unit, f"改 {caller.code}")
    return Ask(f"/v1/indicator-sets/{_DRAFTS}/cards/{code}", body=body, headers=tag(version))


async def _unit(_: Bureau, __: Caller, unit: str) -> Ask:
    return Ask(f"/v1/units/{unit}")


async def _card(_: Bureau, __: Caller, unit: str) -> Ask:
    return Ask(f"/v1/indicators/{indicator_id(_SET, cards.own_card(unit))}")


def _concerned(table: Permissions, caller: Caller) -> Units:
    """The units whose own published card the caller may read."""
    permission = "indicators.read"
    return frozenset(
        unit for unit in EVALUATED if audience(table, caller, permission, frozenset({unit, OTHER_EVALUATOR}))
    )


def _sees_set(parties: Units) -> Sees:
    return lambda table, caller: ALL_UNITS if audience(table, caller, "indicators.read", parties) else NONE


def _write(method: str, path: str, ask: Any, sees: Sees, **more: Any) -> Recipe:
    return Recipe(_I, method, path, "write", ask, sees, **more)


_ONE = ("QD1",)
_PARTIES = ALL_EVALUATED | {EVALUATOR, OTHER_EVALUATOR}
RECIPES = (
    Recipe(
        _I,
        "GET",
        "/v1/units",
        "rows",
        plain("/v1/units"),
        within("units.read", STANDING),
        STANDING,
        unit_filter="under",
        pages=True,
    ),
    # The tree as it was: also for who held a unit then; its path names who stood above it.
    Recipe(
        _I,
        "GET",
        "/v1/units",
        "rows",
        plain("/v1/units", as_of=_THEN),
        held("units.read", _THEN),
        UNITS,
        names=True,
        pages=True,
    ),
    Recipe(_I, "GET", "/v1/units/{code}", "object", _unit, within("units.read"), STANDING),
    Recipe(
        _I,
        "GET",
        "/v1/people",
        "rows",
        plain("/v1/people"),
        within("people.read"),
        UNITS,
        unit_filter="unit",
        pages=True,
    ),
    # Asked for the holders of a role, the reach must hold as well.
    Recipe(
        _I,
        "GET",
        "/v1/people",
        "rows",
        plain("/v1/people", role="committee"),
        within("people.read"),
        UNITS,
        unit_filter="unit",
    ),
    Recipe(
        _I,
        "GET",
        "/v1/appointments",
        "rows",
        plain("/v1/appointments"),
        within("appointments.read"),
        UNITS,
        marks=lambda unit: (f'"unit_code":"{unit}"',),
        unit_filter="unit",
        pages=True,
    ),
    common(_I, "calendars.read", "/v1/calendars/{year}", year=2015),
    common(_I, "metrics.read", "/v1/metrics"),
    common(_I, "metrics.read", "/v1/metrics/{code}", code=cards.EXTRACTED),
    Recipe(
        _I,
        "GET",
        "/v1/indicator-sets",
        "rows",
        plain("/v1/indicator-sets"),
        _sees_set(_PARTIES),
        _ONE,
        marks=lambda _: (f'"code":"{_SET}"',),
        names=True,
    ),
    Recipe(
        _I,
        "GET",
        "/v1/indicator-sets/{code}",
        "object",
        plain(f"/v1/indicator-sets/{_SET}"),
        _sees_set(_PARTIES),
        _ONE,
        shows=False,
        names=True,
    ),
    Recipe(
        _I,
        "GET",
        "/v1/indicator-sets/{code}/cards/{card_code}",
        "object",
        _draft,
        within("drafts.read"),
        STANDING,
    ),
    Recipe(_I, "GET", "/v1/indicators", "rows", plain("/v1/indicators"), _concerned, pages=True, names=True),
    Recipe(_I, "GET", "/v1/indicators/{indicator_id}", "object", _card, _concerned, names=True),
    trail(_I),
    _write("POST", "/v1/unit-batches", _new_unit, below_within("units.write"), objects=STANDING),
    _write("PATCH", "/v1/units/{code}", _regroup, within("units.write"), objects=STANDING),
    _write("POST", "/v1/person-batches", _new_person, within("people.write"), objects=STANDING),
    _write("POST", "/v1/appointment-batches", _appoint, within("appointments.write"), objects=STANDING),
    _write("PATCH", "/v1/appointments/{appointment_id}", _move, within("appointments.write"), objects=STANDING),
    _write(
        "POST", "/v1/appointments/{appointment_id}/revocations", _revoke, within("appointments.write"), objects=STANDING
    ),
    _write("POST", "/v1/backdating-approvals", _approval, whole_bureau("backdating.approve"), objects=_ONE),
    _write("PUT", "/v1/calendars/{year}", _calendar, whole_bureau("calendars.write"), objects=_ONE),
    _write("POST", "/v1/metric-batches", _new_metric, whole_bureau("metrics.write"), objects=_ONE),
    _write("PUT", "/v1/metrics/{code}", _change_metric, whole_bureau("metrics.write"), objects=_ONE),
    _write("POST", "/v1/indicator-sets", _new_set, within("indicator_sets.write"), objects=STANDING),
    _write("POST", "/v1/indicator-sets/{code}/card-batches", _new_card, within("drafts.write"), objects=STANDING),
    _write("PUT", "/v1/indicator-sets/{code}/cards/{card_code}", _redraft, within("drafts.write"), objects=STANDING),
    _write(
        "POST",
        "/v1/indicator-sets/{code}/publication",
        plain(f"/v1/indicator-sets/{cards.LATER_SET['code']}/publication"),
        all_evaluated("indicator_sets.publish"),
        objects=_ONE,
    ),
)
