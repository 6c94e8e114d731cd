"""R18: concurrent edits never overwrite silently.

Many clients at once read an object, add one to the number it bears, and write it back with If-Match. Each edit that
was answered with success must be in the final number. Control: the same clients against a service that ignores
If-Match.
"""

import asyncio
import random
import time
from collections import Counter

import httpx

from shared.http import version_read
from shared.testing import RunningService, issuer_for_tests, running_service
from tests.audit_svc.stage import Stage, deducted, deduction
from tests.chaos.verdict import System, Verdict, red_if

_OBJECTS, _EDITS = 20, 200
# At most so many seconds for 50 clients with 200 edits each.
FULL_SECONDS = 900.0


class _AnyVersion(int):
    """A version that equals every other: what a service without the check would see."""

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False

    __hash__ = int.__hash__


async def _edit_once(client: httpx.AsyncClient, path: str, answers: Counter[int], done: Counter[str]) -> None:
    """Read, add one, write; an edit that lost the race reads again another time."""
    read = await client.get(path)
    content = read.json()
    number = int(content["cause"]["text"]) if content["cause"] else 0
    body = {"causes": [{"kind": "other", "text": "count"}], "text": str(number + 1)}
    written = await client.post(f"{path}/cause-analysis", json=body, headers={"if-match": read.headers["etag"]})
    answers[written.status_code] += 1
    if written.status_code == 200:
        done[path] += 1


async def _clients_at_work(
    service: RunningService, paths: list[str], clients: int, seconds: float
) -> tuple[Counter[int], int]:
    """All clients make their edits, at most so long; returns the answers by status and how many updates were lost."""
    answers: Counter[int] = Counter()
    done: Counter[str] = Counter()
    before = await _numbers(service, paths)
    until = time.monotonic() + seconds

    async def work(number: int) -> None:
        client = service.client(person=f"EDITOR-{number}")
        draw = random.Random(number)  # noqa: S311 - which object is edited need not be secret
        edits: Counter[int] = Counter()
        while edits.total() < _EDITS and time.monotonic() < until:
            await _edit_once(client, draw.choice(paths), edits, done)
        answers.update(edits)

    await asyncio.gather(*(work(number) for number in range(clients)))
    after = await _numbers(service, paths)
    return answers, sum(before[path] + done[path] - after[path] for path in paths)


async def _numbers(service: RunningService, paths: list[str]) -> dict[str, int]:
    client = service.client(person="EDITOR-0")
    found = {}
    for path in paths:
        cause = (await client.get(path)).json()["cause"]
        found[path] = int(cause["text"]) if cause else 0
    return found


async def run(system: System, *, seconds: float, size: int = 0) -> Verdict:
    """`size` clients with 200 edits each on 20 objects, at most half the seconds; then the control."""
    clients = size or (50 if seconds >= 30 else 20)
    with issuer_for_tests() as issuer:
        clock = system.directory / "r18-clock.jsonl"
        async with running_service("audit_svc", system.postgres, issuer, clock_file=clock) as service:
            stage = await Stage.of(service)
            for number in range(clients):
                await service.seed_person(f"EDITOR-{number}", "A", "unit_liaison", scope="subtree")
            await stage.publish_policy()
            chunk = deducted(*(deduction("A", "2015-02", "1", indicator=f"E{number}") for number in range(_OBJECTS)))
            await service.deliver(chunk, times=1)
            items = (await stage.auditor.get("/v1/problems")).json()["items"]
            paths = [f"/v1/problems/{one['problem_id']}" for one in items]
            missing = await stage.liaison.post(
                f"{paths[0]}/cause-analysis", json={"causes": [{"kind": "other", "text": "x"}], "text": "0"}
            )
            answers, lost = await _clients_at_work(service, paths, clients, seconds / 2)
            service.app.dependency_overrides[version_read] = lambda: _AnyVersion(0)
            _, lost_unguarded = await _clients_at_work(service, paths, clients, min(15.0, seconds / 2))
    held = lost == 0 and missing.status_code == 428 and answers[412] > 0 and set(answers) <= {200, 412}
    figures = {
        "lost": lost, "edits": answers[200] + answers[412], "of": answers[200], "stale": answers[412],
        "missing": missing.status_code,
        "clients": clients,
        "control_lost": lost_unguarded,
    }  # fmt: skip
    return Verdict("R18", held, red_if(lost_unguarded > 0), figures)
