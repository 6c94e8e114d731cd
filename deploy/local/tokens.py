"""Getting tokens from the local issuer, as any client would: over HTTP with client credentials.

What belongs here: asking for a token and keeping it until shortly before it ends. What does not: signing
(signing.py).
"""

import time

import httpx

from deploy.local.issuer import PERSON_GRANT, SETUP_CLIENT
from deploy.local.places import Addresses
from deploy.local.secret_store import SecretStore
from deploy.local.sentences import CannotRun

_MARGIN_SECONDS = 60


class Tokens:
    """Bearer tokens for persons and clients of a running embedded system; each is fetched once and kept."""

    def __init__(self, addresses: Addresses, http: httpx.AsyncClient) -> None:
        self._issuer = addresses.issuer
        self._clients = SecretStore(addresses.state / "clients.json")
        self._http = http
        self._kept: dict[str, tuple[float, str]] = {}

    async def person(self, person: str) -> str:
        """A token that speaks for a person, given by id (UUID) or staff number."""
        return await self._fetch(SETUP_CLIENT, {"grant_type": PERSON_GRANT, "person": person})

    async def client(self, client: str) -> str:
        """A token that speaks for a client itself. Raises CannotRun for one that is not registered."""
        return await self._fetch(client, {"grant_type": "client_credentials"})

    async def _fetch(self, client: str, form: dict[str, str]) -> str:
        name = f"{client} {form.get('person', '')}"
        until, token = self._kept.get(name, (0.0, ""))
        if until > time.monotonic():
            return token
        known = self._clients.all()
        if client not in known:
            raise CannotRun(f"There is no client {client}; there are: {', '.join(sorted(known))}.")
        answer = await self._http.post(f"{self._issuer}/token", data=form, auth=(client, known[client]))
        answer.raise_for_status()
        body = answer.json()
        token = str(body["access_token"])
        self._kept[name] = (time.monotonic() + float(body["expires_in"]) - _MARGIN_SECONDS, token)
        return token
