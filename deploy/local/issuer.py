"""The token issuer of the embedded default: a bureau's identity provider without its log-in page.

What belongs here: OpenID discovery, keys, tokens, introspection. What does not: passwords of people - whoever
may read the private state of this directory (the client `setup`) may be anyone, so that a demonstration can
play every role. Never run it outside of the embedded default.
"""

import base64
import binascii
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from joserfc.errors import JoseError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.secret_store import SecretStore
from deploy.local.signing import LIFETIME_SECONDS, Signer, subject_of_client, subject_of_person

SETUP_CLIENT = "setup"
PERSON_GRANT = "urn:liandong:grant:person"


class Issuer:
    """The routes and what they share: the signer, the clients' secrets, the opaque tokens handed out so far.

    Opaque tokens live in this process: after a restart they are inactive and clients fetch new ones.
    """

    def __init__(self, signer: Signer, clients: SecretStore) -> None:
        self._signer = signer
        self._clients = clients
        self._opaque: dict[str, dict[str, Any]] = {}

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.configuration),
                Route("/jwks.json", self.keys),
                Route("/token", self.token, methods=["POST"]),
                Route("/introspect", self.introspect, methods=["POST"]),
                Route("/health/ready", self.ready),
            ]
        )

    async def configuration(self, _: Request) -> Response:
        """OpenID Connect Discovery: where everything is."""
        issuer = self._signer.issuer
        return JSONResponse(
            {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/jwks.json",
                "token_endpoint": f"{issuer}/token",
                "introspection_endpoint": f"{issuer}/introspect",
                "grant_types_supported": ["client_credentials", PERSON_GRANT],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "response_types_supported": ["token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }
        )

    async def keys(self, _: Request) -> Response:
        """The public keys."""
        return JSONResponse(self._signer.public_keys)

    async def token(self, request: Request) -> Response:
        """A token for the client itself (client_credentials), or for a person whom `setup` asks to be.

        `token_format=opaque` gives a token that only introspection can read.
        """
        form = await _form(request)
        client = self._client(request, form)
        if client is None:
            return _refusal("invalid_client", "unknown client or wrong secret", status=401)
        grant = form.get("grant_type")
        if grant == "client_credentials":
            subject = subject_of_client(client)
        elif grant == PERSON_GRANT:
            person = form.get("person")
            if client != SETUP_CLIENT:
                return _refusal("unauthorized_client", f"only {SETUP_CLIENT} may ask to be a person")
            if not person:
                return _refusal("invalid_request", "person is missing: an id or a staff number")
            subject = subject_of_person(person)
        else:
            return _refusal("unsupported_grant_type", f"grant_type is client_credentials or {PERSON_GRANT}")
        claims = self._signer.claims(subject)
        opaque = form.get("token_format") == "opaque"
        return JSONResponse(
            {
                "access_token": self._keep(claims) if opaque else self._signer.sign(claims),
                "token_type": "Bearer",
                "expires_in": LIFETIME_SECONDS,
            },
            headers={"Cache-Control": "no-store"},
        )

    async def introspect(self, request: Request) -> Response:
        """RFC 7662: whether a token is good, and whom it speaks for; only for known clients."""
        form = await _form(request)
        if self._client(request, form) is None:
            return _refusal("invalid_client", "unknown client or wrong secret", status=401)
        token = form.get("token")
        claims = self._read(token) if token else None
        return JSONResponse({"active": False} if claims is None else {"active": True, **claims})

    async def ready(self, _: Request) -> Response:
        """Readiness: it answers, so it can sign."""
        return JSONResponse({"status": "ready"})

    def _keep(self, claims: dict[str, Any]) -> str:
        now = time.time()
        self._opaque = {token: kept for token, kept in self._opaque.items() if kept["exp"] > now}
        token = secrets.token_urlsafe(32)
        self._opaque[token] = claims
        return token

    def _read(self, token: str) -> dict[str, Any] | None:
        kept = self._opaque.get(token)
        if kept is not None:
            return kept if kept["exp"] > time.time() else None
        try:
            return self._signer.verified(token)
        except (JoseError, ValueError):
            return None

    def _client(self, request: Request, form: Mapping[str, str]) -> str | None:
        """The client that proved itself by HTTP Basic or in the form, or None."""
        name, secret = _basic(request.headers.get("authorization", ""))
        if name is None:
            given_name, given_secret = form.get("client_id"), form.get("client_secret")
            if given_name is None or given_secret is None:
                return None
            name, secret = given_name, given_secret
        known = self._clients.all().get(name)
        return name if known is not None and hmac.compare_digest(known.encode(), secret.encode()) else None


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _basic(header: str) -> tuple[str | None, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, ""
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, ""
    return (unquote(name), unquote(secret)) if colon else (None, "")


def _refusal(error: str, description: str, *, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status_code=status)


def create() -> Starlette:
    """The application for uvicorn (`--factory`): issuer and state directory come from the environment."""
    state = Path(os.environ["LIANDONG_LOCAL_STATE"])
    signer = Signer(os.environ["LIANDONG_ISSUER"], state / "issuer-key.json")
    return Issuer(signer, SecretStore(state / "clients.json")).application()
