"""Replies of the console: pages that may load nothing foreign, and forms that were sent."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cloud.fleet.api.requests import Explained
from protos.errors import RequestError
from protos.http.bodies import bounded_body
from protos.pages.document import policy

HEADERS = {
    "content-security-policy": f"{policy(served=True)}; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_MAX_FORM, _MAX_FIELDS = 16 << 10, 50


def page_reply(page: str, status: int = 200) -> Response:
    return HTMLResponse(page, status, HEADERS)


def onwards(path: str) -> Response:
    """Another page is to be loaded."""
    return RedirectResponse(path, 303, HEADERS)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, the first of each name. Raises Refused for one that is too large."""
    data = await bounded_body(request, _MAX_FORM, "form")
    try:
        found = parse_qs(data.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
    except ValueError:  # more fields
        return {}
    return {name: values[0] for name, values in found.items()}


def reason_of(form: Mapping[str, str]) -> str:
    """Raises RequestError for none, or one that is too long."""
    try:
        return Explained(why=form.get("why", "").strip()).why
    except ValueError as error:
        raise RequestError(str(error)) from error
