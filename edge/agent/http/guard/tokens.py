"""Who may ask: whoever knows the token, if there is one. Programs send it, a browser keeps a cookie."""

import hashlib
import hmac
import logging
from pathlib import Path

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.agent.http.live.pages import LOGIN
from protos.errors import RequestError
from protos.http.refusals import BAD_TOKEN, UNAVAILABLE, Refused, response_of

_log = logging.getLogger(__name__)
COOKIE = "isthmus"
_MAX_BYTES = 4096
_OPEN = {LOGIN, "/healthz", "/readyz"}
_FOR_COOKIES = b"isthmus live page"


class Token:
    """The token of a file, or none at all."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    @property
    def asked(self) -> bool:
        """Whether there is one."""
        return self._file is not None

    def admits(self, given: str) -> bool:
        """Whether this is it. Raises RequestError for a file that holds none."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._read())

    def cookie(self) -> str:
        """What a browser keeps instead of the token. Raises RequestError."""
        return hmac.new(self._read(), _FOR_COOKIES, hashlib.sha256).hexdigest()

    def admits_cookie(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.cookie().encode())

    def admits_request(self, asked: HTTPConnection) -> bool:
        """Whether a request shows it, or its cookie; where there is none, any does. Raises RequestError."""
        if not self.asked:
            return True
        scheme, _, given = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.admits(given.strip()):
            return True
        return self.admits_cookie(asked.cookies.get(COOKIE, ""))

    def _read(self) -> bytes:
        if self._file is None:
            return b""
        try:
            with self._file.open("rb") as stream:
                found = stream.read(_MAX_BYTES).split(b"\n", 1)[0].strip()
        except OSError as error:
            raise RequestError(f"http.token-file: {self._file} cannot be read: {error.strerror}") from error
        if len(found) < 16:
            raise RequestError(f"http.token-file: {self._file} holds no token of 16 characters or more")
        return found

    def check(self) -> None:
        """Raises RequestError for a file that holds no token."""
        if self.asked:
            self._read()


class TokenGuard:
    """Lets in who shows the token, or its cookie; a browser that has none is led to the form."""

    def __init__(self, app: ASGIApp, token: Token) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = HTTPConnection(scope)
        try:
            admitted = scope["path"] in _OPEN or self._token.admits_request(asked)
        except RequestError as error:
            _log.error("%s", error)
            await response_of(Refused(UNAVAILABLE, "the token cannot be read"))(scope, receive, send)
            return
        if admitted:
            await self._app(scope, receive, send)
        elif "text/html" in asked.headers.get("accept", ""):
            await RedirectResponse(LOGIN, 303)(scope, receive, send)
        else:
            words = "this device asks for a token; send it as `Authorization: Bearer TOKEN`"
            await response_of(Refused(BAD_TOKEN, words))(scope, receive, send)
