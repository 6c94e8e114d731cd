"""One whole system for the session: four services as processes, own PostgreSQL, NATS, issuer; the story told on it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from io import StringIO

import asyncpg
import pytest
import pytest_asyncio
from rich.console import Console

from deploy.local.lodging import remove_lodging
from deploy.local.parts import HttpPart, NatsPart, PostgresPart
from deploy.local.places import Home
from deploy.local.story import course
from deploy.local.story.claims import Claims
from deploy.local.story.confirming import Confirmed
from deploy.local.story.expectation import Sent
from deploy.local.story.screen import Screen
from deploy.local.story.world import World, http_client
from deploy.local.supervisor import Supervisor
from deploy.local.system import DATABASE_OF, System, describe
from deploy.local.tokens import Tokens
from shared.clock import Clock
from tests.e2e.reduced import PERIODS, SPAN, reduced_pack


@dataclass
class Bureau:
    """A running system with its world, what was sent, and what was confirmed so far."""

    system: System
    world: World
    output: StringIO
    sent: Sent = field(default_factory=Sent)
    confirmed: list[Confirmed] = field(default_factory=list)

    def part(self, name: str) -> HttpPart | NatsPart | PostgresPart:
        found = next(part for part in self.system.parts if part.name == name)
        assert isinstance(found, HttpPart | NatsPart | PostgresPart)
        return found

    async def kill_services(self) -> None:
        """Kill -9 all four services at once, and start them again."""
        parts = [self.part(name) for name in DATABASE_OF]
        children = [part.child for part in parts if isinstance(part, HttpPart)]
        await asyncio.gather(*(child.kill_all() for child in children if child is not None))
        await asyncio.gather(*(part.start() for part in parts))

    async def owner(self, service: str) -> asyncpg.Connection:
        """A connection that may do anything to a service's database: what breaks things in tests."""
        postgres = self.part("postgres")
        assert isinstance(postgres, PostgresPart)
        return await asyncpg.connect(postgres.dsn_of(DATABASE_OF[service]).owner)


@pytest_asyncio.fixture(scope="session")
async def bureau(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bureau]:
    home = Home(tmp_path_factory.mktemp("bureau"))
    home.make()
    said: list[str] = []
    system = describe(home, said.append)
    supervisor = Supervisor(system.parts, said.append)
    await supervisor.start()
    try:
        async with http_client() as http:
            output = StringIO()
            screen = Screen(Console(file=output, width=100, highlight=False))
            world = World(
                pack=reduced_pack(),
                urls=course.urls_of(system.addresses),
                http=http,
                tokens=Tokens(system.addresses, http),
                clock=Clock(system.addresses.clock_journal),
                screen=screen,
                claims=Claims(screen.check),
                environment_of=system.environment_of,
            )
            yield Bureau(system, world, output)
    finally:
        await supervisor.stop()
        remove_lodging(home.directory / "postgres")


@pytest_asyncio.fixture(scope="session")
async def told(bureau: Bureau) -> Bureau:
    """The story told on the small pack; after the second month all services are killed and started again."""
    await course.begin(bureau.world)
    for number, period in enumerate(PERIODS):
        bureau.confirmed += await course.month(bureau.world, [period], bureau.sent, first=number == 0)
        if number == 1:
            await bureau.kill_services()
    await course.end(bureau.world, SPAN, bureau.confirmed)
    return bureau
