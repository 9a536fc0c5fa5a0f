"""Which keys of a key set verify anything."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm

from cloud.identity.key_set import MAX_BYTES, key_set
from protos.errors import RequestError
from tests.cloud.identity.provider import Signer, of_each_kind, published

SIGNERS = of_each_kind()
EC = SIGNERS[1]


def holding(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": [*entries, EC.public]}).encode()


def test_each_key_has_one_algorithm() -> None:
    found = key_set(published(*SIGNERS), "keys")
    assert {name: key.algorithm for name, key in found.items()} == {
        "rsa": "RS256",
        "ec": "ES256",
        "okp": "EdDSA",
    }


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "kid": "x", "k": "c2VjcmV0"},
        {**EC.public, "kid": "x", "use": "enc"},
        {**EC.public, "kid": "x", "alg": "HS256"},
        {name: value for name, value in EC.public.items() if name != "kid"},
        {**EC.public, "kid": 7},
        Signer("x", rsa.generate_private_key(public_exponent=65537, key_size=1024)).public,
        {
            "kid": "x",
            **ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True),
        },
    ],
)
def test_others_are_passed_over(entry: dict[str, Any]) -> None:
    assert list(key_set(holding(entry), "keys")) == ["ec"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"keys": 7}', b'{"keys": ["x"]}', b"[" * 5000, b"\xff", b'{"keys": []}'],
)
def test_what_is_no_key_set_is_told(content: bytes) -> None:
    with pytest.raises(RequestError, match=r"keys\.json"):
        key_set(content, "keys.json")


def test_a_set_without_bounds_and_a_broken_key_are_told() -> None:
    with pytest.raises(RequestError, match="more than"):
        key_set(b" " * (MAX_BYTES + 1), "keys")
    with pytest.raises(RequestError, match="no key set"):
        key_set(holding({**EC.public, "kid": "x", "x": "AA"}), "keys")


def test_a_private_key_is_refused() -> None:
    private = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    with pytest.raises(RequestError, match="private key"):
        key_set(holding({"kid": "x", **private}), "keys")
