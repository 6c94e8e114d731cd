"""The matrix: every route x every caller x every relation, judged against the oracle. It knows no service by name.

Reads and forbidden changes come first, many at a time; they must change nothing, and each refusal leaves its line in
the trail. Then everybody does what they may, so that a recipe that never works is found out.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.audit_svc.permissions import PERMISSIONS as AUDIT
from services.indicator_svc.permissions import PERMISSIONS as INDICATOR
from services.scoring_svc.permissions import PERMISSIONS as SCORING
from services.submission_svc.permissions import PERMISSIONS as SUBMISSION
from shared.contracts.roles import Role, Scope
from shared.http import TransactionalRoute
from shared.testing import RunningService
from shared.trail_api import TRAIL_PERMISSIONS
from tests.permissions.bureau import OFFICE, Bureau
from tests.permissions.oracle import Permissions, holds
from tests.permissions.recipe import Ask, Recipe, Units
from tests.permissions.tree import CITY, UNITS, Caller, below, relatives
from tests.permissions.verdicts import code_of, marked, meaning, named, worked

TABLES: Mapping[str, Permissions] = {
    "indicator_svc": {**INDICATOR, **TRAIL_PERMISSIONS},
    "submission_svc": {**SUBMISSION, **TRAIL_PERMISSIONS},
    "scoring_svc": {**SCORING, **TRAIL_PERMISSIONS},
    "audit_svc": {**AUDIT, **TRAIL_PERMISSIONS},
}
OPEN_TO_ALL = {"/health/live", "/health/ready", "/metrics"}
# Written also by what is refused: who tried, and the receipt of a batch that was turned down.
_MAY_CHANGE = {"trail", "trail_seals", "idempotency", "receipts", "alembic_version"}
_AT_ONCE = 8
RouteKey = tuple[str, str, str]


def routes_of(service: str, app: FastAPI) -> dict[RouteKey, str]:
    """Every guarded route with its permission. Raises TypeError for a route that nothing guards."""
    found: dict[RouteKey, str] = {}
    for route in _unfolded(app.routes):
        if isinstance(route, TransactionalRoute):
            for method in (route.methods or set()) - {"HEAD"}:
                found[service, method, route.path] = route.permission
        elif isinstance(route, APIRoute) and route.path not in OPEN_TO_ALL:
            raise TypeError(f"{service} {route.path} is guarded by nothing")
    return found


def _unfolded(routes: Iterable[object]) -> Iterator[object]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from _unfolded(inner.routes)


@dataclass
class Tally:
    """What was asked and found. `checks` counts comparisons: of an answer, or of one unit's marks with an answer."""

    requests: int = 0
    checks: int = 0
    complaints: list[str] = field(default_factory=list)
    worked: set[str] = field(default_factory=set)

    def expect(self, what: str, found: object, expected: object) -> None:
        """Compare, and remember a difference."""
        self.checks += 1
        if found != expected:
            self.complaints.append(f"{what}: {found}, expected {expected}")


class Matrix:
    """One bureau and the recipes to try on it; `wide` tries every object, else one for each relation."""

    def __init__(self, bureau: Bureau, recipes: Sequence[Recipe], *, wide: bool = False) -> None:
        self.bureau, self.recipes, self.wide = bureau, recipes, wide
        self.permissions: dict[RouteKey, str] = {}
        for name, service in bureau.services.items():
            self.permissions |= routes_of(name, service.app)
        self.tally = Tally()

    def missing(self) -> list[RouteKey]:
        """Routes without a recipe."""
        return sorted(set(self.permissions) - {recipe.key for recipe in self.recipes})

    def unknown(self) -> list[RouteKey]:
        """Recipes without a route."""
        return sorted({recipe.key for recipe in self.recipes} - set(self.permissions))

    async def forbidden_and_reads(self, callers: Sequence[Caller]) -> None:
        """Everything that must not change anything."""
        before = await self._digests()
        refusals = await self._refusals()
        gate = asyncio.Semaphore(_AT_ONCE)
        self._turned_down = dict.fromkeys(self.bureau.services, 0)

        async def one(recipe: Recipe, caller: Caller) -> None:
            async with gate:
                await self._try(recipe, caller)

        async with asyncio.TaskGroup() as group:
            for recipe in self.recipes:
                for caller in callers:
                    group.create_task(one(recipe, caller))
        after = await self._digests()
        for table, digest in before.items():
            self.tally.expect(f"{table} after refused changes", after[table] == digest, expected=True)
        for service, count in (await self._refusals()).items():
            self.tally.expect(f"{service} refusals in the trail", count - refusals[service], self._turned_down[service])

    async def allowed_changes(self, callers: Sequence[Caller]) -> None:
        """Everybody changes what they may; every such route must have worked for somebody."""
        for recipe in self.recipes:
            if recipe.kind != "write":
                continue
            await self.bureau.tell()
            for caller in callers:
                if self._holds(recipe, caller):
                    for unit in self._targets(recipe, caller):
                        if unit in self._sees(recipe, caller):
                            await self._change(recipe, caller, unit)
            if recipe.only_works_for is not None:
                unit = recipe.objects[0]
                named = Caller(recipe.only_works_for(unit), Role.UNIT_LEADER, unit, Scope.OWN)
                await self._change(recipe, named, unit)
            self.tally.expect(f"{recipe} works for somebody", str(recipe) in self.tally.worked, expected=True)

    async def _change(self, recipe: Recipe, caller: Caller, unit: str) -> None:
        answer = await self._send(recipe, caller, await recipe.ask(self.bureau, caller, unit))
        self.tally.expect(f"{recipe} by {caller} on {unit} ({code_of(answer)})", meaning(answer), "through")
        if worked(answer):
            self.tally.worked.add(str(recipe))

    async def _try(self, recipe: Recipe, caller: Caller) -> None:
        if not self._holds(recipe, caller):
            if not self.wide and caller.scope is not Scope.OWN and not caller.revoked:
                return  # a role without the permission lacks it wherever it stands
            unit = recipe.objects[0]
            answer = await self._send(recipe, caller, await recipe.ask(self.bureau, caller, unit))
            self.tally.expect(f"{recipe} by {caller} without the permission", code_of(answer), "403 forbidden")
            self._no_marks(recipe, caller, answer)
            self._count_refusal(recipe)
        elif recipe.kind == "rows":
            await self._read_rows(recipe, caller)
        else:
            for unit in self._targets(recipe, caller):
                await self._one_object(recipe, caller, unit)

    async def _one_object(self, recipe: Recipe, caller: Caller, unit: str) -> None:
        seen = self._sees(recipe, caller)
        if recipe.kind == "write" and unit in seen:
            return
        answer = await self._send(recipe, caller, await recipe.ask(self.bureau, caller, unit))
        what = f"{recipe} by {caller} on {unit} ({code_of(answer)})"
        if unit not in seen:
            self.tally.expect(what, meaning(answer), "refused")
            self._no_marks(recipe, caller, answer)
            if not answer.is_success:
                self._count_refusal(recipe)
            return
        self.tally.expect(what, answer.status_code, 200)
        if recipe.shows:
            shown = bool(marked(recipe, answer.text, recipe.objects if len(recipe.objects) > 1 else UNITS) & seen)
            self.tally.expect(f"{what} shows its mark", shown, expected=True)
        if not recipe.path.endswith("/trail"):
            self._only(recipe, what, answer, seen, asked=[unit])

    async def _read_rows(self, recipe: Recipe, caller: Caller) -> None:
        seen = self._sees(recipe, caller) & frozenset(recipe.objects)
        base = await recipe.ask(self.bureau, caller, recipe.objects[0])
        most = {"limit": 500} if self._takes_limit(recipe) else {}
        answer = await self._send(recipe, caller, Ask(base.path, {**base.query, **most}))
        self._rows_are(recipe, f"{recipe} by {caller}", answer, seen, seen)
        if recipe.unit_filter is not None:
            targets = self._targets(recipe, caller)
            for unit in targets if self.wide else (targets[0], targets[-1]):
                query = {**base.query, recipe.unit_filter: unit, **most}
                answer = await self._send(recipe, caller, Ask(base.path, query))
                wanted = seen & (below(unit) if recipe.unit_filter == "under" else {unit})
                self._rows_are(recipe, f"{recipe} ?{recipe.unit_filter}={unit} by {caller}", answer, seen, wanted)
        if recipe.pages and (self.wide or caller.scope is not Scope.ALL):
            await self._read_pages(recipe, caller, base, seen)

    def _takes_limit(self, recipe: Recipe) -> bool:
        operation = self.bureau.services[recipe.service].app.openapi()["paths"][recipe.path]["get"]
        return any(one["name"] == "limit" for one in operation.get("parameters", ()))

    async def _read_pages(self, recipe: Recipe, caller: Caller, base: Ask, seen: Units) -> None:
        """All pages one after another, and the page after a place where somebody else's list stood."""
        found: set[str] = set()
        size = 2 if self.wide else 7
        cursor: str | None = ""
        while cursor is not None:
            query = {**base.query, "limit": size, **({"cursor": cursor} if cursor else {})}
            answer = await self._send(recipe, caller, Ask(base.path, query))
            self._only(recipe, f"{recipe} page by {caller}", answer, seen)
            found |= marked(recipe, answer.text, recipe.objects)
            cursor = answer.json().get("next") if answer.is_success else None
        self.tally.expect(f"{recipe} all pages by {caller}", sorted(found), sorted(seen))
        first = await self.bureau.ask(recipe.service, OFFICE).get(base.path, params={**base.query, "limit": 1})
        if first.is_success and first.json()["next"]:
            query = {**base.query, "cursor": first.json()["next"], "limit": 500}
            answer = await self._send(recipe, caller, Ask(base.path, query))
            self._only(recipe, f"{recipe} foreign cursor by {caller}", answer, seen)

    def _rows_are(self, recipe: Recipe, what: str, answer: httpx.Response, seen: Units, wanted: Units) -> None:
        self.tally.expect(f"{what} status", answer.status_code, 200)
        found = marked(recipe, answer.text, recipe.objects)
        self.tally.expect(what, sorted(found), sorted(wanted))
        self._only(recipe, what, answer, seen)

    def _only(self, recipe: Recipe, what: str, answer: httpx.Response, seen: Units, asked: Sequence[str] = ()) -> None:
        self.tally.checks += len(UNITS)
        leaked = marked(recipe, answer.text, UNITS) - seen if len(recipe.objects) > 1 else frozenset()
        if not recipe.names:
            leaked |= named(answer.text, seen, asked)
        if leaked:
            self.tally.complaints.append(f"{what}: shows {sorted(leaked)}")

    def _no_marks(self, recipe: Recipe, caller: Caller, answer: httpx.Response) -> None:
        self.tally.checks += len(UNITS)
        if leaked := marked(recipe, answer.text, UNITS):
            self.tally.complaints.append(f"{recipe} refused to {caller}, yet shows {sorted(leaked)}")

    def _holds(self, recipe: Recipe, caller: Caller) -> bool:
        return holds(TABLES[recipe.service], caller, self.permissions[recipe.key])

    def _sees(self, recipe: Recipe, caller: Caller) -> Units:
        return recipe.sees(TABLES[recipe.service], caller)

    def _targets(self, recipe: Recipe, caller: Caller) -> Sequence[str]:
        if self.wide or len(recipe.objects) == 1:
            return recipe.objects
        around = relatives("QD1" if caller.unit == CITY else caller.unit).values()
        found = [unit for unit in around if unit in recipe.objects]
        return found if len(found) > 1 else recipe.objects[:2]

    async def _send(self, recipe: Recipe, caller: Caller, ask: Ask) -> httpx.Response:
        self.tally.requests += 1
        client = self.bureau.ask(recipe.service, caller)
        body = {} if ask.body is None else {"json": ask.body}
        return await client.request(recipe.method, ask.path, params=dict(ask.query), headers=dict(ask.headers), **body)

    def _count_refusal(self, recipe: Recipe) -> None:
        if recipe.method != "GET":
            self._turned_down[recipe.service] += 1

    async def _digests(self) -> dict[str, str]:
        """A digest of every table of every service."""
        return {
            f"{name}.{table}": digest
            for name, service in self.bureau.services.items()
            for table, digest in (await digests_of(service)).items()
        }

    async def _refusals(self) -> dict[str, int]:
        statement = "SELECT count(*) FROM trail WHERE outcome LIKE 'refused:%'"
        return {name: await self.bureau.one(name, statement) for name in self.bureau.services}


async def digests_of(service: RunningService) -> dict[str, str]:
    """A digest of every table that a refused request must leave as it was."""
    reads = service.database.reads
    tables = await reads.fetch(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    )
    digests = {}
    for row in tables:
        name = row["name"]
        if name not in _MAY_CHANGE:
            statement = f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{name}\" t"
            digests[name] = await reads.fetchval(statement)
    return digests
