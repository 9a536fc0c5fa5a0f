"""By what a caller is known where there are several ways."""

from pathlib import Path
from typing import Any

import pytest

from cloud.config import AccessConfig
from cloud.identity.authentication import Authentication
from cloud.identity.identity import Identity, Role
from cloud.identity.token_list import new_token
from protos.errors import NotPermitted, RequestError, Unauthenticated
from tests.cloud.identity.provider import AUDIENCE, ISSUER, Signer, key_file
from tests.cloud.identity.test_certificates import URI, certificate

SIGNER, LISTED = Signer("key"), new_token(Identity("acme", "anna", Role.OPERATOR))
SHOWN = {"x509_pem_cert": [certificate(URI)]}
TLS: dict[str, Any] = {"tls_cert": Path("cert"), "tls_key": Path("key"), "client_ca": Path("ca")}


@pytest.fixture
def both(tmp_path: Path) -> Authentication:
    """Tokens of a list and of a provider, and certificates."""
    (tmp_path / "tokens").write_text(LISTED.line)
    keys = str(key_file(tmp_path / "keys.json", SIGNER))
    tokens = tmp_path / "tokens"
    return Authentication(AccessConfig(**TLS, tokens=tokens, jwks=keys, audience=AUDIENCE, issuer=ISSUER))


def bearing(token: str) -> list[tuple[str, str | bytes]]:
    return [("user-agent", "x"), ("authorization", f"Bearer {token}")]


async def test_a_token_comes_before_a_certificate(both: Authentication) -> None:
    assert (await both.identify(bearing(LISTED.token), SHOWN, Role.DEVICE)).device == "anna"
    assert (await both.identify(bearing(SIGNER.token()), SHOWN, Role.DEVICE)).device == "camera-7"
    assert (await both.identify([], SHOWN, Role.DEVICE)).device == URI.value


async def test_a_bad_token_is_not_mended_by_a_certificate(both: Authentication) -> None:
    for token in ("sesame", "x.y.z", SIGNER.token(exp=1)):
        with pytest.raises(Unauthenticated):
            await both.identify(bearing(token), SHOWN, Role.DEVICE)


@pytest.mark.parametrize(
    "header", ["sesame", "Basic c2VzYW1l", "Bearer", "Bearer ", "", "Bearer \udcff", b"Bearer x"]
)
async def test_what_is_no_bearer_token_is_told_what_is(header: str | bytes, both: Authentication) -> None:
    with pytest.raises(Unauthenticated, match="no `Bearer TOKEN`; send a token"):
        await both.identify([("authorization", header)], {}, Role.DEVICE)


async def test_a_role_may_do_what_those_before_it_may(both: Authentication) -> None:
    assert await both.identify(bearing(LISTED.token), {}, Role.OPERATOR)
    with pytest.raises(NotPermitted, match="needs the role admin, and the caller has operator"):
        await both.identify(bearing(LISTED.token), {}, Role.ADMIN)


async def test_a_service_that_takes_certificates_only_says_so() -> None:
    authentication = Authentication(AccessConfig(**TLS))
    with pytest.raises(Unauthenticated, match="takes certificates and no token"):
        await authentication.identify(bearing("x"), SHOWN, Role.DEVICE)


def test_a_list_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        Authentication(AccessConfig(tokens=tmp_path / "absent"))
