"""The local issuer's key and the tokens signed with it.

What belongs here: the key file, the claims of a token, its signature. What does not: HTTP (issuer.py), and
what a token allows: the services decide that from appointments.
"""

import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.local.secret_store import write_private
from shared.contracts.identity import person_id

AUDIENCE = "liandong"
ALGORITHM = "ES256"
LIFETIME_SECONDS = 3600


class Signer:
    """Signs access tokens as one issuer; the key is made at first use and kept in a private file."""

    def __init__(self, issuer: str, key_file: Path) -> None:
        self.issuer = issuer
        if not key_file.exists():
            fresh = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
            write_private(key_file, json.dumps(fresh.as_dict(private=True)))
        self._key = ECKey.import_key(json.loads(key_file.read_text("utf-8")))

    @property
    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that verifiers fetch."""
        return {"keys": [self._key.as_dict(private=False)]}

    def claims(self, subject: dict[str, str], lifetime: int = LIFETIME_SECONDS) -> dict[str, Any]:
        """The claims of a new token for a subject; `lifetime` in seconds of real time."""
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + lifetime,
            "jti": str(uuid4()),
            **subject,
        }

    def sign(self, claims: dict[str, Any]) -> str:
        """A signed access token (RFC 9068) with these claims."""
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def verified(self, token: str) -> dict[str, Any]:
        """The claims of a token of this issuer that is still good.

        Raises joserfc's JoseError or ValueError for anything else.
        """
        decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        jwt.JWTClaimsRegistry(iss={"essential": True, "value": self.issuer}, exp={"essential": True}).validate(
            decoded.claims
        )
        return decoded.claims


def subject_of_person(person: str) -> dict[str, str]:
    """The identifying claims of a person, given by id (UUID) or by staff number."""
    try:
        return {"sub": str(UUID(person))}
    except ValueError:
        return {"sub": str(person_id(person))}


def subject_of_client(client: str) -> dict[str, str]:
    """The identifying claims of a machine client (RFC 9068: its own subject)."""
    return {"sub": client, "client_id": client}
