"""Calls from one service to another: a token by client credentials, kept until shortly before it ends; bounded tries.

Belongs here: how to reach another service. What is asked and what the answer means stands in the caller's own client.
Such calls are rare, and only where a person waits; the caller must be able to give up with nothing half done.
"""

import asyncio
import secrets
import time
from typing import Any, Self

import httpx
import msgspec

from shared.errors import Unavailable
from shared.observability import current_traceparent
from shared.settings import Settings

_RENEW_BEFORE_SECONDS = 60.0
_TRY_AGAIN = frozenset({429, 502, 503, 504})
_UNAUTHORIZED = 401
_GRANT = {"grant_type": "client_credentials"}


class ServiceClient:
    """Speaks to one other service as this service's own client; safe to share between requests.

    `what` names the other side in refusals. Every failure to get an answer ends as Unavailable (503) after at most
    `tries` attempts of at most `timeout` seconds each; an answer of the other side, also a refusal, is handed back.
    """

    def __init__(
        self,
        *,
        what: str,
        base_url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        timeout: float = 10.0,
        tries: int = 3,
        pause: float = 0.2,
    ) -> None:
        self._what, self._token_url = what, token_url
        self._credentials = (client_id, client_secret)
        self._tries, self._pause = tries, pause
        self._http = httpx.AsyncClient(base_url=base_url, timeout=timeout)
        self._token = ""
        self._token_until = float("-inf")
        self._fetching = asyncio.Lock()

    @classmethod
    def of(cls, settings: Settings, *, what: str, base_url: str | None, timeout: float = 10.0, tries: int = 3) -> Self:
        """The client that a service's settings describe. Raises ValueError naming the setting that is absent."""
        needed = {
            "token_url": settings.token_url,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret and settings.client_secret.get_secret_value(),
            f"the address of {what}": base_url,
        }
        absent = [name for name, value in needed.items() if not value]
        if absent:
            raise ValueError(f"calling {what} needs settings that are absent: {', '.join(absent)}")
        token_url, client_id, client_secret, url = (str(value) for value in needed.values())
        return cls(
            what=what,
            base_url=url,
            token_url=token_url,
            client_id=client_id,
            client_secret=client_secret,
            timeout=timeout,
            tries=tries,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, **query: str) -> httpx.Response:
        """GET with the service's token. Raises Unavailable."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, content: Any, *, key: str | None = None) -> httpx.Response:
        """POST a JSON document with the service's token. Raises Unavailable.

        It may be sent more than once, so the route must be repeatable; `key` is its Idempotency-Key if it needs one.
        """
        headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
        return await self._ask("POST", path, content=msgspec.json.encode(content), headers=headers)

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if trace := current_traceparent():
            headers["traceparent"] = trace
        cause: Exception | None = None
        for attempt in range(self._tries):
            if attempt:
                # Jitter, so that callers that failed together do not come back together.
                await asyncio.sleep(self._pause * 2 ** (attempt - 1) * (0.5 + secrets.randbelow(1_000) / 1_000))
            try:
                headers["authorization"] = f"Bearer {await self._bearer()}"
                response = await self._http.request(method, path, headers=headers, **options)
            except (httpx.HTTPError, msgspec.DecodeError) as error:
                cause = error
                continue
            if response.status_code == _UNAUTHORIZED:
                self._token_until = float("-inf")  # the issuer may have turned its keys or forgotten the token
            elif response.status_code not in _TRY_AGAIN:
                return response
        raise Unavailable(what=self._what) from cause

    async def _bearer(self) -> str:
        async with self._fetching:
            if time.monotonic() >= self._token_until:
                answer = await self._http.post(self._token_url, data=_GRANT, auth=self._credentials)
                answer.raise_for_status()
                token = msgspec.json.decode(answer.content, type=_Token)
                self._token = token.access_token
                self._token_until = time.monotonic() + max(0.0, token.expires_in - _RENEW_BEFORE_SECONDS)
            return self._token


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 0.0
