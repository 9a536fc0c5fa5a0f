"""Signing in and out with a browser."""

import re

from starlette.requests import Request
from starlette.responses import Response

from cloud.fleet.console.gate import Gate, check_own_page
from cloud.fleet.console.pages.access import sign_in_page
from cloud.fleet.console.replies import form_of, onwards, page_reply
from protos.errors import NotPermitted

_OWN_PATH = re.compile(r"/(?:[A-Za-z0-9._~%-]+(?:/[A-Za-z0-9._~%-]+)*)?")  # never another host's


class Entrance:
    """`next`: the page that was asked for before."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def ask(self, request: Request) -> Response:
        if not self._gate.asks:
            return onwards("/")
        return page_reply(sign_in_page(following=_own(request.query_params.get("next", ""))))

    async def enter(self, request: Request) -> Response:
        """A cookie for who shows a token."""
        check_own_page(request)
        form = await form_of(request)
        token, following = form.get("token", "").strip(), _own(form.get("next", ""))
        try:
            wrong = "" if await self._gate.knows(request, token) else "That token is not known here."
        except NotPermitted:
            wrong = "This token is a device's; one of a viewer, an operator or an admin is needed."
        if wrong:
            return page_reply(sign_in_page(wrong=wrong, following=following), 401)
        reply = onwards(following)
        self._gate.keep(reply, token)
        return reply

    async def leave(self, request: Request) -> Response:
        check_own_page(request)
        reply = onwards("/")
        self._gate.forget(reply)
        return reply


def _own(path: str) -> str:
    return path if _OWN_PATH.fullmatch(path) else "/"
