"""What is refused: bad rows, bad bodies, strangers, writes after the fence - each with its code and its place.

What belongs here: the mistakes that other systems make, and the claims that each is named, that none lands, and that
a bad row never stops the good ones of a partial batch.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.local.story.collecting import caller_of, is_late, post_batch
from deploy.local.story.expectation import Sent
from deploy.local.story.screen import counted
from deploy.local.story.world import Caller, Refusal, World
from deploy.local.wuhan2015.generate_facts import FactRow, facts
from deploy.local.wuhan2015.loader import SourceSystem
from shared.clock import SHANGHAI

_BATCHES = "/v1/fact-batches"
_MOMENT = datetime(2015, 2, 3, 10, 0, tzinfo=SHANGHAI)
_GOOD_ROWS = 3
_LONG = 1_000_000


@dataclass(frozen=True)
class Refused:
    """A line of the table: what was sent, the code and place expected, and what came."""

    what: str
    expected: tuple[str, str]
    found: tuple[str, str]


async def register_late(world: World, system: SourceSystem, operator: Caller, period: str) -> None:
    """A system posts before it was registered, is refused, and is registered then."""
    row = _first_row(world, system.client_id, period)
    refusal = await world.machine(system.client_id).refused(
        "POST", "submission", _BATCHES, body={"mode": "partial", "rows": [row.wire()]}
    )
    world.claims.equal(
        f"{system.name} posts before it is registered: refused as a whole",
        None if refusal is None else (refusal.status, refusal.code),
        (403, "source_unregistered"),
    )
    await operator.post("submission", "/v1/source-systems", source_body(world, system))


def source_body(world: World, system: SourceSystem) -> dict[str, Any]:
    """The registration of a source system with the metrics of the pack that it supplies."""
    return {
        "client_id": system.client_id,
        "name": system.name,
        "name_en": system.name_en,
        "owner_unit_code": system.owner,
        "metric_codes": [code for code in system.metrics if code in world.pack.metrics],
    }


async def refuse_bad_input(world: World, period: str, sent: Sent) -> None:
    """Send every kind of bad input once; claims code and place of each, and that the good rows of the batch landed."""
    world.until_day(_MOMENT)
    found = [*await _planned(world, period, sent), *await _rows_by_hand(world, period), *await _bodies(world, period)]
    world.screen.table(
        "Refused, and by which code", ("sent", "code", "where"), [(one.what, *one.found) for one in found]
    )
    wrong = [one for one in found if one.found != one.expected]
    world.claims.claim(
        f"all {len(found)} bad inputs are refused by their own code and place", not wrong, wrong[:3] or ""
    )


async def refuse_after_fence(world: World, period: str, sent: Sent) -> None:
    """A source system writes to a period that was fenced: refused by its own code, the fact stays as it was."""
    metric, unit, _ = next(
        key for key, value in sent.values.items() if key[2] == period and isinstance(value, str) and _by(world, key[0])
    )
    sender = _by(world, metric)
    before = await world.office.get("submission", f"/v1/facts/{period}/{metric}/{unit}")
    row = {"metric": metric, "unit": unit, "period": period, "value": before["value"]}
    receipt = await post_batch(world.machine(str(sender)), [row])
    after = await world.office.get("submission", f"/v1/facts/{period}/{metric}/{unit}")
    world.claims.equal(
        f"after the fence a write for {period} is refused (period_fenced) and nothing changes",
        ([error["code"] for error in receipt["errors"]], receipt["rejected"], after["version"]),
        (["period_fenced"], 1, before["version"]),
    )


async def _planned(world: World, period: str, sent: Sent) -> list[Refused]:
    """The refused rows that the pack plans, each sender's in one partial batch together with good rows."""
    by_sender: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for part in world.pack.story["refused"]:
        by_sender[part["by"]].append(part)
    found: list[Refused] = []
    for sender, parts in by_sender.items():
        good = [row.wire() for row in _rows_of(world, sender, period)[:_GOOD_ROWS]]
        receipt = await post_batch(caller_of(world, sender), [*(part["row"] for part in parts), *good])
        for row in good:
            sent.add(row)
        errors = {error["pointer"]: error["code"] for error in receipt["errors"]}
        for place, part in enumerate(parts):
            pointer = f"/rows/{place}"
            found.append(Refused(part["why"], (part["code"], pointer), (errors.get(pointer, "taken"), pointer)))
        world.claims.equal(
            f"{sender}: {counted(len(parts), 'bad row')} named, "
            f"the {counted(len(good), 'good row')} of the same batch landed",
            (receipt["rejected"], receipt["created"], receipt["rows"]),
            (len(parts), len(good), len(parts) + len(good)),
        )
    return found


async def _rows_by_hand(world: World, period: str) -> list[Refused]:
    """A duplicate row, a JSON number, a string of one megabyte: atomic batches, so that nothing lands."""
    sender = _any_machine(world, period)
    number = next(row for row in _rows_of(world, sender, period)[_GOOD_ROWS:] if isinstance(row.value, str))
    row = number.wire()
    caller = world.machine(sender)
    tries = (
        ("同一行出现两次 the same row twice", [row, row], ("row_duplicate", "/rows/0"), "/rows/0"),
        ("JSON 数字 a JSON number", [{**row, "value": 3}], ("value_not_text", "/rows/0"), "/rows/0"),
        ("一兆字符 a string of 1 MB", [{**row, "value": "1" * _LONG}], ("value_too_long", "/rows/0"), "/rows/0"),
    )
    found: list[Refused] = []
    for what, rows, expected, pointer in tries:
        refusal = await caller.refused("POST", "submission", _BATCHES, body={"mode": "atomic", "rows": rows})
        found.append(Refused(what, expected, (_code_at(refusal, pointer), pointer)))
    path = f"/v1/facts/{period}/{row['metric']}/{row['unit']}"
    absent = await world.office.refused("GET", "submission", path)
    world.claims.claim(
        "nothing of these atomic batches is half written: the fact does not exist",
        absent is not None and absent.code == "not_found",
        absent or "it exists",
    )
    return found


async def _bodies(world: World, period: str) -> list[Refused]:
    """Bodies that are no JSON: cut off, and with the number NaN."""
    sender = _any_machine(world, period)
    whole = json.dumps({"mode": "partial", "rows": [row.wire() for row in _rows_of(world, sender, period)[:5]]})
    tries = (
        ("中途截断的请求体 a body cut off", whole[: len(whole) * 2 // 3]),
        ("JSON NaN", '{"mode": "partial", "rows": [{"metric": "M", "unit": "U", "period": "2015-01", "value": NaN}]}'),
    )
    found: list[Refused] = []
    for what, body in tries:
        refusal = await world.machine(sender).refused("POST", "submission", _BATCHES, content=body.encode())
        code = "taken" if refusal is None else f"{refusal.status} {refusal.code}"
        found.append(Refused(what, ("422 malformed", "/"), (code, "/")))
    return found


def _code_at(refusal: Refusal | None, pointer: str) -> str:
    if refusal is None:
        return "taken"
    return dict(refusal.errors).get(pointer, refusal.code)


def _rows_of(world: World, sender: str, period: str) -> Sequence[FactRow]:
    return [
        row
        for row in facts(period, world.pack)
        if row.submitted_by == sender and row.state is None and not is_late(world.pack, row)
    ]


def _first_row(world: World, sender: str, period: str) -> FactRow:
    return _rows_of(world, sender, period)[0]


def _any_machine(world: World, period: str) -> str:
    """The source system with the most rows."""
    return max(
        (system.client_id for system in world.pack.source_systems),
        key=lambda client: len(_rows_of(world, client, period)),
    )


def _by(world: World, metric: str) -> str | None:
    """The source system that supplies a metric, if one does."""
    supplier = world.pack.metrics[metric].supplied_by
    return supplier if supplier in {system.client_id for system in world.pack.source_systems} else None
