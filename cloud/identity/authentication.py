"""Who calls: by a bearer token, else by the certificate of the connection."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cloud.config import AccessConfig
from cloud.identity.certificates import certificate_identity
from cloud.identity.identity import Identity, Role
from cloud.identity.key_source import KeyFile, KeySource, KeyUrl
from cloud.identity.tls import ServerFiles, server_credentials
from cloud.identity.token_list import TokenList
from cloud.identity.web_tokens import WebTokens
from protos.errors import NotPermitted, Unauthenticated

_HEADER, _SCHEME = "authorization", "bearer"
PEM = "x509_pem_cert"  # gRPC's name of it
_WAYS = "send a token (on the device: --token-file FILE)"

Metadata = Iterable[tuple[str, str | bytes]]
AuthContext = Mapping[str, Iterable[bytes]]


class Authentication:
    """Raises RequestError for files that are not what they should be. Belongs to the event loop."""

    def __init__(self, config: AccessConfig) -> None:
        self._listed = TokenList(config.tokens) if config.tokens else None
        self._web = _web_tokens(config)
        self._by_certificate = config.client_ca is not None

    async def start(self) -> None:
        """Raises RequestError where the identity provider gives no keys."""
        if self._web:
            await self._web.keys.start()

    async def refresh(self) -> None:
        """To be called now and then: keys that are withdrawn are forgotten."""
        if self._web:
            await self._web.keys.refresh()

    async def identify(self, metadata: Metadata, connection: AuthContext, needs: Role) -> Identity:
        """Who calls. Raises Unauthenticated, and NotPermitted for a role below what the call `needs`; no
        message quotes a token.
        """
        identity = await self._identity(metadata, connection)
        if identity.role < needs:
            raise NotPermitted(
                f"this call needs the role {needs.name.lower()}, and the caller has "
                f"{identity.role.name.lower()}; call with a token of that role"
            )
        return identity

    async def _identity(self, metadata: Metadata, connection: AuthContext) -> Identity:
        given = [value for name, value in metadata if name == _HEADER]
        if given:
            return await self._bearer(_token(given))
        if self._by_certificate and (shown := next(iter(connection.get(PEM, ())), None)):
            return certificate_identity(shown)
        raise Unauthenticated(f"this service lets nobody in whom it does not know; {_WAYS}")

    async def _bearer(self, token: str) -> Identity:
        if self._web and (self._listed is None or token.count(".") == 2):
            return await self._web.identify(token)
        if self._listed:
            return self._listed.identify(token)
        raise Unauthenticated("this service takes certificates and no token; call without --token-file")


def check_files(config: AccessConfig) -> None:
    """Raises RequestError at once where `Authentication` would when all models are loaded."""
    Authentication(config)
    if config.tls_cert and config.tls_key:
        server_credentials(ServerFiles(config.tls_cert, config.tls_key, config.client_ca))


def _web_tokens(config: AccessConfig) -> WebTokens | None:
    if not config.jwks:
        return None
    assert config.audience
    assert config.issuer
    by_url = "://" in config.jwks
    keys: KeySource = KeyUrl(config.jwks) if by_url else KeyFile(Path(config.jwks))
    return WebTokens(keys, config.audience, config.issuer)


def _token(given: Sequence[str | bytes]) -> str:
    """The token of the one header that there may be."""
    scheme, _, token = str(given[0]).partition(" ")
    if len(given) > 1 or scheme.lower() != _SCHEME or not token or not token.isascii():
        raise Unauthenticated(f"the metadata `{_HEADER}` is no `Bearer TOKEN`; {_WAYS}")
    return token.strip()
