"""Who is calling, and how far they reach. Tokens prove identity only; roles and scopes come from appointments.

Belongs here: verifying tokens (JWT by the issuer's keys, opaque ones by introspection). Appointments are read through
shared.directory; what they let an actor reach stands in reach.py.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.contracts.roles import Role, Scope
from shared.errors import IdentityUnavailable, Unauthenticated
from shared.observability import log
from shared.reach import Actor, Grant, Reach, reach_condition

__all__ = ["Actor", "Authenticator", "Grant", "Reach", "reach_condition"]

_ALGORITHMS = ["ES256", "RS256", "EdDSA"]
_LEEWAY_SECONDS = 30
_REMEMBER_TOKEN_SECONDS = 60.0
_REMEMBER_OPAQUE_SECONDS = 5.0
_REMEMBER_GRANTS_SECONDS = 1.0  # with the event's way a revocation ends well within its 5 s
_KEYS_FRESH_SECONDS = 600.0
_KEYS_RETRY_SECONDS = 5.0
_MOST_REMEMBERED = 20_000
_LONGEST_TOKEN = 8_192

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True)
class _Identity:
    subject: str
    is_client: bool
    until: float


class GrantSource(Protocol):
    """Where appointments come from: the directory's read copy."""

    async def grants_of(self, subject: str) -> Sequence[Grant]:
        """What the subject holds today."""
        ...


class Authenticator:
    """Turns a bearer token into an Actor. Keys, verified tokens and grants are remembered for short times."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        jwks_url: str,
        introspection: tuple[str, str, str] | None,
        grants: GrantSource,
        static: Mapping[str, str],
        roles_of: Mapping[str, frozenset[Role]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._audience, self._jwks_url = issuer, audience, jwks_url
        self._introspection = introspection
        self._grants = grants
        self._static = {subject: Grant(Role(role), Scope.ALL, None, "") for subject, role in static.items()}
        self._roles_of = roles_of
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=3.0)
        self._keys: KeySet | None = None
        self._keys_at = self._keys_tried = float("-inf")
        self._fetching = asyncio.Lock()
        self._identities: dict[bytes, _Identity] = {}
        self._actors: dict[str, tuple[float, Actor]] = {}
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._http.aclose()

    async def actor(self, authorization: str | None) -> Actor:
        """The actor of an Authorization header. Raises Unauthenticated or IdentityUnavailable."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
            raise Unauthenticated
        identity = await self._identify(token.strip())
        now = self._clock()
        known = self._actors.get(identity.subject)
        if known and known[0] > now and known[1].is_client == identity.is_client:
            return known[1]
        held = list(await self._grants.grants_of(identity.subject))
        if identity.is_client and identity.subject in self._static:
            held.append(self._static[identity.subject])
        actor = Actor(identity.subject, identity.is_client, tuple(held), self._roles_of)
        _remember(self._actors, identity.subject, (now + _REMEMBER_GRANTS_SECONDS, actor))
        return actor

    async def _identify(self, token: str) -> _Identity:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._identities.get(digest)
        if known and known.until > self._clock():
            return known
        claims, remember = (
            (await self._verify(token), _REMEMBER_TOKEN_SECONDS)
            if token.count(".") == 2  # noqa: PLR2004 - a compact JWS has three parts
            else (await self._introspect(token), _REMEMBER_OPAQUE_SECONDS)
        )
        identity = _identity_of(claims, self._clock(), remember)
        _remember(self._identities, digest, identity)
        return identity

    async def _verify(self, token: str) -> Mapping[str, Any]:
        for attempt in range(2):
            keys = await self._key_set(force=attempt > 0)
            try:
                decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
                if decoded.header.get("typ", "").lower() != "at+jwt" or set(decoded.header) & {
                    "jku",
                    "jwk",
                    "x5u",
                    "crit",
                }:
                    raise Unauthenticated
                self._claims.validate(decoded.claims)
            except ValueError as error:
                # joserfc says ValueError when no key has the token's kid: the issuer may have turned its key.
                if attempt:
                    raise Unauthenticated from error
                continue
            except (JoseError, TypeError, KeyError) as error:
                raise Unauthenticated from error
            return decoded.claims
        raise Unauthenticated

    async def _key_set(self, *, force: bool) -> KeySet:
        fresh = self._clock() - self._keys_at < _KEYS_FRESH_SECONDS
        if self._keys is not None and fresh and not force:
            return self._keys
        async with self._fetching:
            if self._clock() - self._keys_tried >= _KEYS_RETRY_SECONDS or self._keys is None:
                self._keys_tried = self._clock()
                try:
                    answer = await self._http.get(self._jwks_url)
                    answer.raise_for_status()
                    self._keys = KeySet.import_key_set(answer.json())
                    self._keys_at = self._clock()
                except (httpx.HTTPError, ValueError, KeyError, JoseError) as error:
                    log().warning("the issuer's keys cannot be read", url=self._jwks_url, error=str(error))
        if self._keys is None:
            raise IdentityUnavailable
        return self._keys

    async def _introspect(self, token: str) -> Mapping[str, Any]:
        if self._introspection is None:
            raise Unauthenticated
        url, client, secret = self._introspection
        try:
            answer = await self._http.post(url, data={"token": token}, auth=(client, secret))
            answer.raise_for_status()
            claims: Mapping[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise IdentityUnavailable from error
        audience = claims.get("aud")
        fits = self._audience in audience if isinstance(audience, list) else audience == self._audience
        if claims.get("active") is not True or claims.get("iss") != self._issuer or not fits:
            raise Unauthenticated
        return claims


def _identity_of(claims: Mapping[str, Any], now: float, remember: float) -> _Identity:
    client, subject, expires = claims.get("client_id"), claims.get("sub"), claims.get("exp")
    if not isinstance(expires, (int, float)) or isinstance(expires, bool):
        raise Unauthenticated
    until = now + min(remember, max(0.0, expires - time.time()))
    # A machine's token has its own id as subject or none; a person's token may name the client it came through.
    if isinstance(client, str) and client and subject in (None, client):
        return _Identity(client, is_client=True, until=until)
    if isinstance(subject, str):
        try:
            return _Identity(str(UUID(subject)), is_client=False, until=until)
        except ValueError as error:
            raise Unauthenticated from error
    raise Unauthenticated


def _remember(memory: dict[_K, _V], key: _K, value: _V) -> None:
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    memory[key] = value
