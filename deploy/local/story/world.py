"""The story's hands: HTTP clients with tokens, the business clock, and patience with a limit.

What belongs here: how a person or a machine calls a service and waits for one. What does not: what they want.
Only the public HTTP interface is used, as any other program of a bureau would.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import httpx

from deploy.local.story.claims import Claims
from deploy.local.story.screen import Screen
from deploy.local.wuhan2015.loader import Pack
from shared.clock import Clock

_TRY_AGAIN = frozenset({429, 503})
_TRIES = 6
_PAUSE_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 0.5
_MOST_AT_ONCE = 16
_PAGE = 500

Query = Mapping[str, str | int | bool]


class StoryStuck(Exception):
    """The story cannot go on; the text is a whole sentence: what was wanted, and what is there instead."""


class TokenSource(Protocol):
    """Where bearer tokens come from; deploy.local.tokens.Tokens is one."""

    async def person(self, person: str) -> str:
        """A token that speaks for a person, by staff number."""
        ...

    async def client(self, client: str) -> str:
        """A token that speaks for a machine client."""
        ...


@dataclass(frozen=True)
class Refusal:
    """An answer that says no: its status, its code, and the problem document."""

    status: int
    code: str
    document: Mapping[str, Any]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """(pointer, code) of every detail."""
        return [(str(one["pointer"]), str(one["code"])) for one in self.document.get("errors", ())]

    def __str__(self) -> str:
        details = ", ".join(f"{pointer or '/'} {code}" for pointer, code in self.errors[:3])
        return f"{self.status} {self.code}" + (f" ({details})" if details else "")


class Caller:
    """A person or a machine with a token, calling the four services."""

    def __init__(self, world: "World", token: Callable[[], Awaitable[str]], name: str) -> None:
        self._world, self._token, self.name = world, token, name

    async def answer(
        self,
        method: str,
        service: str,
        path: str,
        *,
        body: Any = None,
        content: bytes | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer, whatever it is. A POST carries an Idempotency-Key, so asking again after a 503 is safe."""
        sent = {"authorization": f"Bearer {await self._token()}", "accept-language": "en", **(headers or {})}
        if method == "POST":
            sent.setdefault("idempotency-key", str(uuid4()))
        if content is not None:
            sent.setdefault("content-type", "application/json")
        url = self._world.urls[service] + path
        for left in range(_TRIES - 1, -1, -1):
            try:
                got = await self._world.http.request(
                    method, url, json=body, content=content, params=dict(query or {}), headers=sent
                )
            except httpx.TransportError as error:
                if not left:
                    raise StoryStuck(f"{service} does not answer {method} {path}: {error!r}.") from error
            else:
                if got.status_code not in _TRY_AGAIN or not left:
                    return got
            await asyncio.sleep(_PAUSE_SECONDS * 2 ** (_TRIES - 1 - left))
        raise AssertionError

    async def ask(self, method: str, service: str, path: str, **options: Any) -> Any:
        """The answer's body. Raises StoryStuck when the answer is a refusal."""
        got = await self.answer(method, service, path, **options)
        if got.is_success:
            return got.json() if got.content else None
        raise StoryStuck(f"{service} answers {refusal_of(got)} to {method} {path} by {self.name}.")

    async def get(self, service: str, path: str, **query: str | int | bool) -> Any:
        """Read an object or a page."""
        return await self.ask("GET", service, path, query=query)

    async def every(self, service: str, path: str, **query: str | int | bool) -> list[Any]:
        """Read all pages of a list."""
        items: list[Any] = []
        page = await self.get(service, path, **query, limit=_PAGE)
        while True:
            items += page["items"]
            if not page.get("next"):
                return items
            page = await self.get(service, path, **query, limit=_PAGE, cursor=page["next"])

    async def post(self, service: str, path: str, body: Any = None) -> Any:
        """Create something or take a step."""
        return await self.ask("POST", service, path, body=body)

    async def put(self, service: str, path: str, body: Any, *, version: int | None = None) -> Any:
        """Write a whole object; with `version` only if that is still the current one."""
        headers = {} if version is None else {"if-match": f'"{version}"'}
        return await self.ask("PUT", service, path, body=body, headers=headers)

    async def refused(self, method: str, service: str, path: str, **options: Any) -> Refusal | None:
        """The refusal that is expected here, or None when the service took it."""
        got = await self.answer(method, service, path, **options)
        return None if got.is_success else refusal_of(got)


@dataclass
class World:
    """Everything the story touches: the pack, the services, tokens, the clock, the screen and the claims."""

    pack: Pack
    urls: Mapping[str, str]
    http: httpx.AsyncClient
    tokens: TokenSource
    clock: Clock
    screen: Screen
    claims: Claims
    environment_of: Callable[[str], Mapping[str, str]]
    """What a service was told at its start: for the commands and looks of an operator, never for the main job."""

    def person(self, code: str) -> Caller:
        """Somebody of the bureau, by staff number."""
        return Caller(self, lambda: self.tokens.person(code), code)

    def machine(self, client: str) -> Caller:
        """A machine client, by client id."""
        return Caller(self, lambda: self.tokens.client(client), client)

    def cast(self, role: str) -> Caller:
        """Somebody whom the pack's story casts for a role."""
        return self.person(self.pack.story["cast"][role])

    @property
    def office(self) -> Caller:
        """The performance office."""
        return self.cast("performance_office")

    def name_of(self, person: str) -> str:
        """A person's name with the post."""
        known = self.pack.person_by_code[person]
        return f"{known.name}（{known.post}）"

    def unit_name(self, code: str) -> str:
        """A unit's name."""
        return self.pack.unit_by_code[code].name

    def begin(self, moment: datetime) -> None:
        """Let the story begin on this day: until now the clock ran on real time."""
        self.clock.set(moment, by="story")

    def until_day(self, moment: datetime) -> None:
        """Move the business clock on; never back, since nothing in a bureau happens before yesterday's work."""
        if moment > self.clock.now():
            self.clock.set(moment, by="story")


@asynccontextmanager
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    """One client for all calls; at most a handful of connections to each service."""
    limits = httpx.Limits(max_connections=_MOST_AT_ONCE * 2, max_keepalive_connections=_MOST_AT_ONCE * 2)
    async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as http:
        yield http


def refusal_of(answer: httpx.Response) -> Refusal:
    """What a problem document says."""
    try:
        document = answer.json()
    except ValueError:
        document = {}
    return Refusal(answer.status_code, str(document.get("code", answer.text[:80])), document)


async def at_once(works: Sequence[Callable[[], Awaitable[Any]]], most: int = _MOST_AT_ONCE) -> list[Any]:
    """Do independent things at the same time, a few at once; the results in the order of the works."""
    gate = asyncio.Semaphore(most)

    async def one(work: Callable[[], Awaitable[Any]]) -> Any:
        async with gate:
            return await work()

    return list(await asyncio.gather(*(one(work) for work in works)))


async def until(what: str, look: Callable[[], Awaitable[tuple[bool, object]]], *, seconds: float = 60.0) -> object:
    """Look again until `look` says that it is there; returns what was seen last.

    Raises StoryStuck after `seconds`, with what was waited for and what is there instead.
    """
    end, pause = time.monotonic() + seconds, 0.02
    while True:
        there, seen = await look()
        if there:
            return seen
        if time.monotonic() > end:
            raise StoryStuck(f"Waited {seconds:.0f} s for {what}; there is: {seen}.")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
