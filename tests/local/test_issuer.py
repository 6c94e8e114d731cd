import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidClaimError, InvalidKeyIdError
from joserfc.jwk import ECKey, KeySet

from deploy.local.issuer import PERSON_GRANT
from deploy.local.parts import HttpPart
from deploy.local.places import Addresses, Home
from deploy.local.ports import free_port
from deploy.local.sentences import CannotRun
from deploy.local.signing import Signer
from deploy.local.tokens import Tokens
from shared.contracts.identity import person_id


@pytest.fixture
async def addresses(home: Home) -> AsyncIterator[Addresses]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for client in ("setup", "ctais", "scoring_svc"):
        home.clients.get(client)
    part = HttpPart(
        name="issuer",
        application="deploy.local.issuer:create",
        options=("--factory",),
        port=port,
        home=home,
        waits_for=(),
        environment=lambda: {"LIANDONG_ISSUER": url, "LIANDONG_LOCAL_STATE": str(home.state)},
    )
    await part.start()
    yield Addresses(url, url, url, url, url, 0, home.state)
    await part.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def verified(token: str, addresses: Addresses, http: httpx.AsyncClient) -> dict[str, Any]:
    """What a service does: discovery, keys, signature, issuer, audience, expiry."""
    found = (await http.get(f"{addresses.issuer}/.well-known/openid-configuration")).json()
    keys = KeySet.import_key_set((await http.get(found["jwks_uri"])).json())
    decoded = jwt.decode(token, keys, algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt"
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": found["issuer"]},
        aud={"essential": True, "value": "liandong"},
        exp={"essential": True},
    ).validate(decoded.claims)
    return decoded.claims


async def test_tokens_of_persons_and_clients_verify(addresses: Addresses, http: httpx.AsyncClient) -> None:
    tokens = Tokens(addresses, http)
    by_number = await verified(await tokens.person("P-0042"), addresses, http)
    assert by_number["sub"] == str(person_id("P-0042"))
    assert "client_id" not in by_number
    by_id = await verified(await tokens.person(str(person_id("P-0042"))), addresses, http)
    assert by_id["sub"] == by_number["sub"]
    assert by_id["jti"] != by_number["jti"]
    machine = await verified(await tokens.client("ctais"), addresses, http)
    assert machine["client_id"] == machine["sub"] == "ctais"
    assert 3500 < machine["exp"] - time.time() <= 3600


async def test_the_key_stays_over_a_restart_and_is_private(addresses: Addresses, http: httpx.AsyncClient) -> None:
    keys = (await http.get(f"{addresses.issuer}/jwks.json")).json()["keys"]
    assert all("d" not in key for key in keys)
    assert (addresses.state / "issuer-key.json").stat().st_mode & 0o777 == 0o600
    token = Signer(addresses.issuer, addresses.state / "issuer-key.json")
    assert (await verified(token.sign(token.claims({"sub": "x"})), addresses, http))["sub"] == "x"


async def test_forged_expired_and_foreign_tokens_do_not_verify(addresses: Addresses, http: httpx.AsyncClient) -> None:
    real = Signer(addresses.issuer, addresses.state / "issuer-key.json")
    forger = Signer(addresses.issuer, addresses.state / "another-key.json")
    foreign = Signer("http://127.0.0.1:1", addresses.state / "issuer-key.json")
    header = {"alg": "ES256", "typ": "at+jwt", "kid": real.public_keys["keys"][0]["kid"]}
    stolen_kid = jwt.encode(header, real.claims({"sub": "x"}), ECKey.generate_key("P-256"), algorithms=["ES256"])
    bad = {
        forger.sign(forger.claims({"sub": "x"})): InvalidKeyIdError,
        stolen_kid: BadSignatureError,
        real.sign(real.claims({"sub": "x"}, lifetime=-120)): ExpiredTokenError,
        foreign.sign(foreign.claims({"sub": "x"})): InvalidClaimError,
        real.sign({**real.claims({"sub": "x"}), "aud": "another"}): InvalidClaimError,
    }
    for token, error in bad.items():
        with pytest.raises(error):
            await verified(token, addresses, http)


async def test_opaque_tokens_are_read_only_by_introspection(
    addresses: Addresses, http: httpx.AsyncClient, home: Home
) -> None:
    form = {"grant_type": "client_credentials", "token_format": "opaque"}
    setup = ("setup", home.clients.get("setup"))
    token = (await http.post(f"{addresses.issuer}/token", data=form, auth=setup)).json()["access_token"]
    assert "." not in token
    service = ("scoring_svc", home.clients.get("scoring_svc"))
    url = f"{addresses.issuer}/introspect"
    answer = (await http.post(url, data={"token": token}, auth=service)).json()
    assert answer["active"] is True
    assert (answer["sub"], answer["aud"], answer["iss"]) == ("setup", "liandong", addresses.issuer)
    real = Signer(addresses.issuer, addresses.state / "issuer-key.json")
    for worthless in (token[:-1], "", real.sign(real.claims({"sub": "x"}, lifetime=-120))):
        assert (await http.post(url, data={"token": worthless}, auth=service)).json() == {"active": False}
    assert (await http.post(url, data={"token": token})).status_code == 401


async def test_only_setup_may_be_a_person_and_only_with_its_secret(
    addresses: Addresses, http: httpx.AsyncClient, home: Home
) -> None:
    url = f"{addresses.issuer}/token"
    person = {"grant_type": PERSON_GRANT, "person": "P-0042"}
    refused = await http.post(url, data=person, auth=("ctais", home.clients.get("ctais")))
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    for wrong in (("setup", "guessed"), ("unknown", "guessed"), ("setup", "")):
        refused = await http.post(url, data=person, auth=wrong)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    in_form = {**person, "client_id": "setup", "client_secret": home.clients.get("setup")}
    assert (await http.post(url, data=in_form)).status_code == 200
    password = {**in_form, "grant_type": "password"}
    assert (await http.post(url, data=password)).json()["error"] == "unsupported_grant_type"


async def test_an_unknown_client_is_told_who_there_is(addresses: Addresses, http: httpx.AsyncClient) -> None:
    with pytest.raises(CannotRun, match="There is no client nobody; there are: ctais, scoring_svc, setup"):
        await Tokens(addresses, http).client("nobody")
