"""Tokens without an identity provider: a file with a line for each, which holds the token's hash only."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cloud.identity.identity import Identity
from cloud.identity.reloaded import Reloaded
from protos.errors import RequestError, Unauthenticated

_MAX_BYTES = 4 << 20
_TOKEN_BYTES = 32  # random: no salt and no slow hash is needed for what nobody can guess
_PREFIX = "sha256:"
_KEY_DIGITS = 8


class NewToken(NamedTuple):
    """A token, and the line by which a service knows it."""

    token: str
    line: str


class TokenLine(NamedTuple):
    digest: str  # hexadecimal
    identity: Identity


def new_token(identity: Identity) -> NewToken:
    """A random token for this identity."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    words = identity.device, identity.tenant, identity.role.name.lower()
    return NewToken(token, " ".join((_PREFIX + _digest(token), *words)))


class TokenList:
    """`--tokens FILE`, read again when it changes. Raises RequestError for a file that is no such list."""

    def __init__(self, path: Path) -> None:
        self._lines = Reloaded([path], lambda: _by_key(path))

    def identify(self, token: str) -> Identity:
        """Whose token it is. Raises Unauthenticated.

        Lines are found by the beginning of the hash, which tells nothing of a token, and compared in constant
        time.
        """
        digest = _digest(token)
        for line in self._lines.current().get(digest[:_KEY_DIGITS], ()):
            if hmac.compare_digest(line.digest, digest):
                return line.identity
        raise Unauthenticated(
            "the token is not known here (any more); put one into the device's --token-file that the "
            "service's operator made by `isthmus cloud token`"
        )


def read_token_lines(path: Path) -> list[TokenLine]:
    """Raises RequestError, naming the line."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise RequestError(f"--tokens {path} cannot be read ({error.strerror}); give another file") from error
    if len(content) > _MAX_BYTES:
        raise RequestError(f"--tokens {path} has more than {_MAX_BYTES} bytes; it is the wrong file")
    try:
        return list(_lines(path, content.decode()))
    except UnicodeDecodeError as error:
        raise RequestError(f"--tokens {path} is no text in UTF-8; write it anew") from error


def _lines(path: Path, text: str) -> Iterator[TokenLine]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            yield _line(words)
        except RequestError as error:
            raise RequestError(f"--tokens {path}, line {number}: {error}") from None


def _line(words: list[str]) -> TokenLine:
    digest = words[0].removeprefix(_PREFIX).lower()
    size = 2 * hashlib.sha256().digest_size
    hexadecimal = len(digest) == size and not set(digest) - set("0123456789abcdef")
    if len(words) != 4 or not words[0].startswith(_PREFIX) or not hexadecimal:
        raise RequestError(
            f"a line is `{_PREFIX}` and {size} digits, then device, tenant and role; make one by "
            "`isthmus cloud token`"
        )
    _, device, tenant, role = words
    return TokenLine(digest, Identity.checked(tenant, device, role))


def _by_key(path: Path) -> dict[str, list[TokenLine]]:
    found: dict[str, list[TokenLine]] = {}
    for line in read_token_lines(path):
        found.setdefault(line.digest[:_KEY_DIGITS], []).append(line)
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
