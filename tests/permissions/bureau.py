"""The bureau of the matrix: four real services, told to each other by their events. How it came about: founding.py.

The broker is left out on purpose: each event in an outbox is handed to its readers, so that the matrix asks settled
services.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from shared.clock import SHANGHAI, Clock
from shared.contracts.envelope import data_of, unseal
from shared.contracts.known import declarations
from shared.contracts.registry import SERVICES
from shared.testing import Cluster, RunningService, TestIssuer, running_service
from tests.permissions.served import served, tokens_for_services
from tests.permissions.tree import UNITS, Caller

OFFICE, HEAD, FEED, VICTIM_FEED = "P-OFFICE", "P-HEAD", "cl-feed", "cl-victim"
COLLEAGUE = "P-OFFICE-2"
NEXT_HEAD = "P-NEXT-HEAD"  # since the head was recalled, after the interviews that were held
FIRST, SECOND = "P-INSPECTOR-1", "P-INSPECTOR-2"
CONFIRMED, OPEN = "2015-01", "2015-02"
YEAR_SPAN = "2015-01-YTD"
_STATIC = {"setup": "operator", "indicator_svc": "service", "scoring_svc": "service"}


def victim(unit: str) -> str:
    """A person of the unit whose appointment callers try to change."""
    return f"V-{UNITS.index(unit):02d}"


def leader(unit: str) -> str:
    """The leader of an evaluated unit, whom its interviews name."""
    return f"L-{UNITS.index(unit):02d}"


@dataclass
class Bureau:
    """The running services, who calls them, and the ids that the recipes need."""

    services: Mapping[str, RunningService]
    callers: Sequence[Caller] = ()
    clients: dict[tuple[str, str], httpx.AsyncClient] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=dict)

    def ask(self, service: str, caller: Caller | str) -> httpx.AsyncClient:
        """The caller's client of a service; a text is a staff number, or a client id where it begins with `cl-`."""
        code = caller if isinstance(caller, str) else caller.code
        if (service, code) not in self.clients:
            machine = code.startswith(("cl-", "sys-")) or code in _STATIC
            made = self.services[service].client(**{"client" if machine else "person": code})
            self.clients[service, code] = made
        return self.clients[service, code]

    async def one(self, service: str, statement: str, *values: Any) -> Any:
        """One value of a service's database."""
        return await self.services[service].database.reads.fetchval(statement, *values)

    async def tell(self) -> None:
        """Hand every event to its readers until nothing new is said."""
        news = True
        while news:
            news = False
            for producer, service in self.services.items():
                rows = await service.database.reads.fetch(
                    "SELECT id, type, envelope FROM outbox WHERE id > $1 ORDER BY id", self._told.get(producer, 0)
                )
                for row in rows:
                    news, self._told[producer] = True, row["id"]
                    envelope = unseal(row["envelope"].encode())
                    for reader in declarations()[row["type"]].readers:
                        await self._hand(self.services[reader], envelope)

    async def _hand(self, reader: RunningService, envelope: Any) -> None:
        data = data_of(envelope)
        async with reader.database.transaction(f"event:{reader.name}") as uow:
            await reader.handlers[type(data)](uow, data, envelope)


async def done(request: Any, *statuses: int) -> Any:
    """The JSON of an answer that must have worked."""
    answer = await request
    assert answer.status_code in (statuses or (200, 201)), (
        f"{answer.request.method} {answer.request.url}: {answer.text}"
    )
    return answer.json()


def tag(shown: Mapping[str, Any]) -> dict[str, str]:
    """If-Match with the version that an answer showed."""
    return {"if-match": f'"{shown["version"]}"'}


@asynccontextmanager
async def four_services(cluster: Cluster, issuer: TestIssuer, directory: Path) -> AsyncIterator[Bureau]:
    """The four services, empty, on 2015-02-10; those that ask each other reach each other over real sockets."""
    journal = directory / "business-clock.jsonl"
    Clock(journal).set(datetime(2015, 2, 10, 9, tzinfo=SHANGHAI), by="test")
    async with AsyncExitStack() as stack:
        token_url = await stack.enter_async_context(served(tokens_for_services(issuer))) + "/token"
        services: dict[str, RunningService] = {}

        async def start(name: str, **addresses: Any) -> RunningService:
            settings: dict[str, Any] = {"token_url": token_url, "client_id": name, "client_secret": "s", **addresses}
            made = running_service(name, cluster, issuer, clock_file=journal, static=_STATIC, **settings)
            services[name] = await stack.enter_async_context(made)
            return services[name]

        submission = await start("submission_svc")
        submission_url = await stack.enter_async_context(served(submission.app))
        archives = {"archive_key_file": directory / "archive-key.json", "archive_worker": False}
        scoring = await start("scoring_svc", submission_url=submission_url, **archives)
        scoring_url = await stack.enter_async_context(served(scoring.app))
        await start("indicator_svc", scoring_url=scoring_url)
        await start("audit_svc")
        yield Bureau({name: services[name] for name in SERVICES})
