import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from deploy.local.issuer import Issuer
from deploy.local.secret_store import SecretStore
from deploy.local.signing import Signer
from shared.auth import Actor, Authenticator, Reach
from shared.contracts.roles import Role
from shared.errors import Forbidden, IdentityUnavailable, Unauthenticated
from shared.reach import EVERY_PERSON
from shared.testing import AUDIENCE, RunningService, TestIssuer


class NoGrants:
    async def grants_of(self, _: str) -> list[Any]:
        return []


def authenticator(issuer: TestIssuer, **changes: Any) -> Authenticator:
    settings: dict[str, Any] = {
        "issuer": issuer.issuer, "audience": AUDIENCE, "jwks_url": issuer.jwks_url, "introspection": None,
        "grants": NoGrants(), "static": {}, "roles_of": {},
    }  # fmt: skip
    return Authenticator(**{**settings, **changes})


def claims(issuer: TestIssuer, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    body = {"iss": issuer.issuer, "aud": AUDIENCE, "iat": now, "exp": now + 600, "sub": str(uuid4())}
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "test-1"}
FOREIGN = ECKey.generate_key("P-256", {"kid": "test-1"}, private=True)
SECRET = OctKey.import_key("a" * 32)

FORGERIES: dict[str, Callable[[TestIssuer], str]] = {
    "another key under our id": lambda i: jwt.encode(HEADER, claims(i), FOREIGN),
    "unknown key id": lambda i: jwt.encode({**HEADER, "kid": "other"}, claims(i), i.key),
    "expired": lambda i: jwt.encode(HEADER, claims(i, exp=int(time.time()) - 120), i.key),
    "no expiry": lambda i: jwt.encode(HEADER, claims(i, exp=None), i.key),
    "wrong audience": lambda i: jwt.encode(HEADER, claims(i, aud="another"), i.key),
    "no audience": lambda i: jwt.encode(HEADER, claims(i, aud=None), i.key),
    "wrong issuer": lambda i: jwt.encode(HEADER, claims(i, iss="http://evil.example"), i.key),
    "an id token": lambda i: jwt.encode({**HEADER, "typ": "JWT"}, claims(i), i.key),
    "jku in the header": lambda i: jwt.encode({**HEADER, "jku": "http://evil.example"}, claims(i), i.key),
    "subject no person": lambda i: jwt.encode(HEADER, claims(i, sub="root"), i.key),
    "no subject": lambda i: jwt.encode(HEADER, claims(i, sub=None), i.key),
    "not yet valid": lambda i: jwt.encode(HEADER, claims(i, nbf=int(time.time()) + 600), i.key),
    "symmetric with public key": lambda i: jwt.encode({**HEADER, "alg": "HS256"}, claims(i), SECRET),
    "alg none": lambda _: "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJ4In0.",
    "signature cut": lambda i: jwt.encode(HEADER, claims(i), i.key)[:-6],
    "too long": lambda _: "a.b." + "c" * 9_000,
    "opaque without introspection": lambda _: "opaque-token",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
async def test_forged_tokens_never_pass(issuer: TestIssuer, forgery: Callable[[TestIssuer], str]) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator(issuer).actor(f"Bearer {forgery(issuer)}")


async def test_the_same_token_unforged_passes(issuer: TestIssuer) -> None:
    body = claims(issuer)
    actor = await authenticator(issuer).actor(f"Bearer {jwt.encode(HEADER, body, issuer.key)}")
    assert (actor.subject, actor.is_client) == (body["sub"], False)


async def test_a_machine_cannot_take_a_persons_place_nor_a_person_a_machines(issuer: TestIssuer) -> None:
    checked = authenticator(issuer, static={"setup": "operator"})
    machine = await checked.actor(f"Bearer {issuer.token(client='setup')}")
    assert machine.is_client
    assert machine.grants
    person = await checked.actor(f"Bearer {issuer.token(person='P1', client_id='setup')}")
    assert not person.is_client
    assert not person.grants


async def test_known_keys_outlive_their_server_and_unknown_ones_are_no_refusal() -> None:
    mortal = TestIssuer()
    checked = authenticator(mortal)
    assert await checked.actor(f"Bearer {mortal.token(person='P1')}")
    mortal.close()
    assert await checked.actor(f"Bearer {mortal.token(person='P2')}")
    with pytest.raises(IdentityUnavailable):
        await authenticator(mortal).actor(f"Bearer {mortal.token(person='P1')}")


def test_reach_is_own_units_and_whole_subtrees() -> None:
    own, other = uuid4(), uuid4()
    reach = Reach(everything=False, units=(own,), subtrees=("420100/420102/",))
    assert reach.covers(own, "anywhere/")
    assert reach.covers(other, "420100/420102/S1/")
    assert not reach.covers(other, "420100/4201021/")
    assert not reach.covers(other, "420100/")


async def test_a_grant_ends_with_its_appointment(plain: RunningService) -> None:
    await plain.seed_units([("420100", "city_bureau", None)])
    person = await plain.seed_person("GONE", "420100", "auditor")
    client = plain.client(person="GONE")
    assert (await client.get("/v1/things")).status_code == 200
    await plain.database.reads.execute(
        "UPDATE directory_appointments SET revoked = true WHERE subject = $1", str(person)
    )
    for _ in range(15):
        answer = await client.get("/v1/things")
        if answer.status_code == 403:
            break
        await asyncio.sleep(0.1)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_opaque_tokens_are_asked_about_at_the_issuer(tmp_path: Path) -> None:
    clients = SecretStore(tmp_path / "clients.json")
    secret, own = clients.get("sys-1"), clients.get("audit_svc")
    signer = Signer("http://issuer", tmp_path / "key.json")
    issuing = httpx.AsyncClient(
        transport=httpx.ASGITransport(Issuer(signer, clients).application()), base_url="http://issuer"
    )
    form = {"grant_type": "client_credentials", "token_format": "opaque"}
    token = (await issuing.post("/token", data=form, auth=("sys-1", secret))).json()["access_token"]
    checked = Authenticator(
        issuer="http://issuer", audience=AUDIENCE, jwks_url="http://issuer/jwks.json",
        introspection=("http://issuer/introspect", "audit_svc", own), grants=NoGrants(), static={}, roles_of={},
    )  # fmt: skip
    checked._http = issuing
    actor = await checked.actor(f"Bearer {token}")
    assert (actor.subject, actor.is_client) == ("sys-1", True)
    with pytest.raises(Unauthenticated):
        await checked.actor("Bearer an-opaque-token-nobody-issued")
    stranger = Authenticator(
        issuer="http://issuer", audience="another", jwks_url="http://issuer/jwks.json",
        introspection=("http://issuer/introspect", "audit_svc", own), grants=NoGrants(), static={}, roles_of={},
    )  # fmt: skip
    stranger._http = issuing
    with pytest.raises(Unauthenticated):
        await stranger.actor(f"Bearer {token}")
    wrong = Authenticator(
        issuer="http://issuer", audience=AUDIENCE, jwks_url="http://issuer/jwks.json",
        introspection=("http://issuer/introspect", "audit_svc", "wrong"), grants=NoGrants(), static={}, roles_of={},
    )  # fmt: skip
    wrong._http = issuing
    with pytest.raises(IdentityUnavailable):
        await wrong.actor(f"Bearer {token}")
    await issuing.aclose()


def test_every_person_holds_what_is_for_every_person_and_no_machine_does() -> None:
    table = {"own": EVERY_PERSON, "none": frozenset[Role]()}
    person, machine = (Actor(str(uuid4()), is_client, (), table) for is_client in (False, True))
    assert [one.may("own") for one in (person, machine)] == [True, False]
    assert not person.may("none"), "an empty set of roles is nobody"
    with pytest.raises(Forbidden):
        person.reach("own")
