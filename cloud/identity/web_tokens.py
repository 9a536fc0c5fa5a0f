"""JSON Web Tokens of an identity provider (RFC 7519): `sub` names the device, `tenant` and `role` are claims
of those names.
"""

import hashlib
import time
from typing import Any, NamedTuple

import jwt

from cloud.identity.identity import DEFAULT_TENANT, Identity
from cloud.identity.key_set import PublicKey
from cloud.identity.key_source import KeySource
from protos.errors import RequestError, Unauthenticated

LEEWAY = 30.0  # seconds that clocks may differ by
_MAX_TOKEN_BYTES = 8192  # of which a call's metadata holds no more
_MAX_VERIFIED = 8192  # tokens whose signatures are remembered: about 4 MiB
_CLAIMS = ("exp", "sub", "aud", "iss")
_WHY = (
    (jwt.ExpiredSignatureError, "has expired; put a new one"),
    (jwt.ImmatureSignatureError, "is not valid yet; set this machine's clock right, or wait, or put another"),
    (jwt.InvalidAudienceError, "is for another audience; ask for one for this service, and put it"),
    (jwt.InvalidIssuerError, "is of another issuer than this service trusts; put one of that"),
    (jwt.MissingRequiredClaimError, f"lacks one of the claims {', '.join(_CLAIMS)}; put one that has all"),
)
_NOT_SIGNED = "is signed by nobody whom this service trusts; put another"


class _Verified(NamedTuple):
    """A token whose signature and claims were right."""

    identity: Identity
    key_name: str
    key: str  # its fingerprint
    until: float  # as time.time() has it

    def holds(self, key: PublicKey | None) -> bool:
        """Whether it still is right, where its key is this one now."""
        return key is not None and key.fingerprint == self.key and self.until > time.time() - LEEWAY


class WebTokens:
    """Tokens of one issuer for one audience, by the keys of a source. Each key verifies by its own algorithm
    only, whatever a token's header says. A signature is verified once, and remembered by the token's hash: a
    device brings its token with each call, and open calls are looked at again and again.
    """

    def __init__(self, keys: KeySource, audience: str, issuer: str) -> None:
        self._audience, self._issuer = audience, issuer
        self._verified: dict[bytes, _Verified] = {}
        self.keys = keys

    async def identify(self, token: str) -> Identity:
        """Whose token it is. Raises Unauthenticated, which does not quote it."""
        if len(token) > _MAX_TOKEN_BYTES:
            raise _refused(_NOT_SIGNED)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known and known.holds(await self.keys.find(known.key_name)):
            return known.identity
        self._verified.pop(digest, None)
        try:
            name = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, RecursionError):
            raise _refused("is no token of this kind (JWT); put one") from None
        key = await self.keys.find(name) if isinstance(name, str) else None
        if key is None:
            raise _refused(_NOT_SIGNED)
        claims = self._claims(token, key)
        identity = self._identity(claims)
        self._remember(digest, _Verified(identity, str(name), key.fingerprint, int(claims["exp"])))
        return identity

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        while len(self._verified) >= _MAX_VERIFIED:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = verified

    def _claims(self, token: str, key: PublicKey) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key.key,
                [key.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": list(_CLAIMS)},
            )
        except (jwt.PyJWTError, RecursionError) as error:
            why = next((words for kind, words in _WHY if isinstance(error, kind)), _NOT_SIGNED)
            raise _refused(why) from None

    def _identity(self, claims: dict[str, Any]) -> Identity:
        words = claims["sub"], claims.get("tenant", DEFAULT_TENANT), claims.get("role", "device")
        try:
            device, tenant, role = (word if isinstance(word, str) else "" for word in words)
            return Identity.checked(tenant, device, role)
        except RequestError as error:
            raise _refused(f"names its bearer by `sub`, `tenant` and `role`, and {error}; put") from None


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"the token {why} into the device's --token-file")
