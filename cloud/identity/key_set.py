"""The public keys of an identity provider, as a JSON Web Key Set (RFC 7517)."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import jwt

from protos.errors import RequestError

MAX_BYTES = 256 << 10
_MAX_KEYS = 64
_MIN_RSA_BITS = 2048
# what a key of this type and curve signs by; no key is ever tried with another
_ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}


class PublicKey(NamedTuple):
    """A key, and the one algorithm that it verifies by. `fingerprint`: of all that its entry says, so that a
    key that is read again is known for the same.
    """

    key: jwt.PyJWK
    algorithm: str
    fingerprint: str


KeySet = dict[str, PublicKey]  # by `kid`


def key_set(content: bytes, place: str) -> KeySet:
    """The keys that sign by RS256, ES256 or EdDSA; others are passed over. `place` names the set in messages.

    Raises RequestError for what is no key set, holds none that is usable, or a private one.
    """
    if len(content) > MAX_BYTES:
        raise RequestError(f"{place} has more than {MAX_BYTES} bytes; it is no key set (JWKS)")
    try:
        entries = json.loads(content)["keys"]
        found = dict(_usable(entries[:_MAX_KEYS], place))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, jwt.PyJWTError) as error:
        raise RequestError(
            f'{place} is no key set: {{"keys": [...]}} in JSON is wanted (JWKS, RFC 7517); give such one'
        ) from error
    if not found:
        raise RequestError(
            f"{place} holds no key with a `kid` for RS256 ({_MIN_RSA_BITS} bits or more), ES256 or EdDSA; "
            "publish one there"
        )
    return found


def _usable(entries: list[dict[str, Any]], place: str) -> Iterator[tuple[str, PublicKey]]:
    for entry in entries:
        algorithm = _ALGORITHMS.get((entry.get("kty", ""), entry.get("crv")))
        name = entry.get("kid")
        if not algorithm or not name or not isinstance(name, str):
            continue
        if entry.get("alg", algorithm) != algorithm or entry.get("use", "sig") != "sig":
            continue
        if "d" in entry:
            raise RequestError(f"{place} holds a private key; publish its public half only, and replace it")
        key = jwt.PyJWK(entry, algorithm)
        if algorithm == "RS256" and key.key.key_size < _MIN_RSA_BITS:
            continue
        said = json.dumps(entry, sort_keys=True).encode()
        yield name, PublicKey(key, algorithm, hashlib.sha256(said).hexdigest())
