"""Publishing bonus tables: versions with effective dates that are never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from services.scoring_svc.bonus import request_repository as repository
from services.scoring_svc.bonus.domain.points import BonusTable, demand_consistent
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, Stale, VersionRequired


@dataclass(frozen=True)
class Edition:
    """What is published: the table as JSON, and when it is in force."""

    name: str
    effective_from: date
    effective_to: date | None
    document: Mapping[str, Any]


async def publish_table(uow: UnitOfWork, code: str, edition: Edition, seen: int | None, now: datetime) -> int:
    """Publish the next version of a table; requests that were submitted keep theirs. Returns its number.

    Raises VersionRequired, Stale, Malformed, BonusTableInconsistent.
    """
    if edition.effective_to is not None and edition.effective_to <= edition.effective_from:
        raise Malformed(details=[Detail("/effective_to", "not_after_effective_from")])
    body = msgspec.json.encode(edition.document)
    demand_consistent(msgspec.json.decode(body, type=BonusTable))
    driver = await uow.driver()
    last = await repository.hold_table(driver, code)
    if last and seen is None:
        raise VersionRequired
    if (seen or 0) != last:
        raise Stale
    row = {
        "code": code,
        "version": last + 1,
        "name": edition.name,
        "effective_from": edition.effective_from,
        "effective_to": edition.effective_to,
        "body": body.decode(),
        "published_at": now,
        "published_by": uow.who,
    }
    await repository.add_table(driver, row)
    uow.trail("publish", "bonus_table", f"{code}/{last + 1}", after=edition.document)
    return last + 1
