"""Which web tokens name their bearer, and which are refused."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from cloud.identity.identity import Identity, Role
from cloud.identity.key_source import KeyFile
from cloud.identity.web_tokens import LEEWAY, WebTokens
from protos.errors import Unauthenticated
from tests.cloud.identity.provider import AUDIENCE, DAY, ISSUER, Signer, forged, key_file, of_each_kind

SIGNERS = of_each_kind()
RSA, EC, OKP = SIGNERS
CLAIMS = {"sub": "camera-7", "aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + DAY}


@pytest.fixture
def tokens(tmp_path: Path) -> WebTokens:
    return WebTokens(KeyFile(key_file(tmp_path / "keys.json", *SIGNERS)), AUDIENCE, ISSUER)


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: str(signer.algorithm))
async def test_a_token_names_device_tenant_and_role(signer: Signer, tokens: WebTokens) -> None:
    assert await tokens.identify(signer.token()) == Identity("default", "camera-7", Role.DEVICE)
    named = signer.token(sub="anna", tenant="acme", role="operator", aud=["other", AUDIENCE])
    assert await tokens.identify(named) == Identity("acme", "anna", Role.OPERATOR)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"exp": time.time() - LEEWAY - 5}, "has expired; put a new one into the device's --token-file"),
        ({"nbf": time.time() + DAY}, "not valid yet"),
        ({"iat": time.time() + DAY}, "not valid yet"),
        ({"aud": "another"}, "for another audience"),
        ({"aud": f"{AUDIENCE}.example"}, "for another audience"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": ISSUER[:-1]}, "another issuer"),
        ({"exp": None}, "lacks one of the claims exp, sub, aud, iss"),
        ({"sub": None}, "lacks one of the claims"),
        ({"aud": None}, "lacks one of the claims"),
        ({"iss": None}, "lacks one of the claims"),
        ({"role": "root"}, "the role is none of: device, viewer, operator, admin"),
        ({"role": ["admin"]}, "the role is none of"),
        ({"tenant": "a/b"}, "a slash"),
        ({"tenant": 7}, "name of the tenant"),
        ({"sub": "a b"}, "name of the device"),
        ({"sub": ""}, "name of the device"),
        ({"sub": "x" * 129}, "name of the device"),
    ],
)
async def test_a_token_that_is_not_for_here_is_told_why(
    claims: dict[str, Any], told: str, tokens: WebTokens
) -> None:
    token = EC.token(**claims)
    with pytest.raises(Unauthenticated, match=told) as refused:
        await tokens.identify(token)
    assert not [part for part in token.split(".") if part in str(refused.value)]


async def test_clocks_may_differ_by_a_little(tokens: WebTokens) -> None:
    assert await tokens.identify(EC.token(exp=time.time() - LEEWAY / 2, nbf=time.time() + LEEWAY / 2))


FORGED = {
    "no algorithm": forged({"alg": "none", "kid": "rsa"}, CLAIMS),
    "no algorithm in capitals": forged({"alg": "NONE", "kid": "rsa"}, CLAIMS),
    "the public key as a secret": forged({"alg": "HS256", "kid": "rsa"}, CLAIMS, RSA.public_pem),
    "another key by that name": Signer("ec").token(),
    "an algorithm that is not the key's": EC.token(kid="rsa"),
    "another hash than is pinned": RSA.token("RS512"),
    "an unknown key": Signer("unknown").token(),
    "no name of a key": EC.token(kid=""),
    "a key of its own": forged({"alg": "ES256", "kid": "ec", "jwk": Signer("ec").public}, CLAIMS, b"x"),
    "a key's name that is no text": forged({"alg": "ES256", "kid": ["ec"]}, CLAIMS, b"x"),
    "a header that must be understood": forged(
        {"alg": "ES256", "kid": "ec", "crit": ["x"], "x": 1}, CLAIMS, b"x"
    ),
    "a header without end": forged("[" * 5000, CLAIMS, b"x"),
    "half a signature": EC.token()[:-20],
    "too long": EC.token(more="x" * 9000),
    "no token": "..",
    "nothing": "",
}


@pytest.mark.parametrize("why", FORGED)
async def test_what_nobody_signed_names_nobody(why: str, tokens: WebTokens) -> None:
    with pytest.raises(Unauthenticated, match="--token-file"):
        await tokens.identify(FORGED[why])


async def test_a_key_that_is_taken_out_of_the_file_is_believed_no_more(tmp_path: Path) -> None:
    path = key_file(tmp_path / "keys.json", RSA)
    tokens = WebTokens(KeyFile(path), AUDIENCE, ISSUER)
    assert await tokens.identify(RSA.token())
    key_file(path, EC)
    assert await tokens.identify(EC.token())
    with pytest.raises(Unauthenticated, match="signed by nobody"):
        await tokens.identify(RSA.token())


async def test_a_signature_is_verified_once_as_long_as_its_key_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified, decode = list[str](), jwt.decode

    def noting(token: str, *given: Any, **options: Any) -> Any:
        verified.append(token)
        return decode(token, *given, **options)

    monkeypatch.setattr("cloud.identity.web_tokens.jwt.decode", noting)
    keys = tmp_path / "keys.json"
    tokens, token = WebTokens(KeyFile(key_file(keys, OKP)), AUDIENCE, ISSUER), OKP.token()
    identity = await tokens.identify(token)
    key_file(keys, EC, OKP)  # read again: the key is the one of before
    assert await tokens.identify(token) == identity
    assert verified == [token]
    with pytest.raises(Unauthenticated):
        await tokens.identify(f"{token[:-8]}{token[-4:]}{token[-8:-4]}")
    key_file(keys, Signer(OKP.name, ed25519.Ed25519PrivateKey.generate()))  # another key of its name
    with pytest.raises(Unauthenticated, match="signed by nobody"):
        await tokens.identify(token)
    key_file(keys, EC)
    with pytest.raises(Unauthenticated, match="signed by nobody"):
        await tokens.identify(token)


async def test_what_was_verified_expires(tokens: WebTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    token = OKP.token()
    await tokens.identify(token)
    later = time.time() + DAY + LEEWAY + 1
    monkeypatch.setattr("cloud.identity.web_tokens.time.time", lambda: later)
    monkeypatch.setattr("cloud.identity.web_tokens.WebTokens._claims", refusing)
    with pytest.raises(Unauthenticated, match="looked at again"):
        await tokens.identify(token)


def refusing(*_: object) -> None:
    raise Unauthenticated("looked at again")


async def test_few_tokens_are_remembered(tokens: WebTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.identity.web_tokens._MAX_VERIFIED", 2)
    for number in range(4):
        await tokens.identify(OKP.token(sub=f"camera-{number}"))
    assert [one.identity.device for one in tokens._verified.values()] == ["camera-2", "camera-3"]
