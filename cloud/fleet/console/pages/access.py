"""Signing in, being asked for a reason, and what went wrong."""

from cloud.fleet.api.requests import MAX_WHY
from cloud.fleet.console.layout import LOGIN, Frame, console_page
from protos.errors import IsthmusError
from protos.http.refusals import refused
from protos.pages.document import lede, sentence, soft
from protos.pages.markup import Markup, element, join
from protos.pages.sign_in import token_form


def sign_in_page(*, wrong: str = "", following: str = "/") -> str:
    """The form that takes a token."""
    form = token_form(
        LOGIN,
        wrong,
        element("input", type="hidden", name="next", value=following),
        element("button", "Sign in", type="submit", class_="main"),
    )
    note = soft(
        "Of the role viewer, operator or admin, as `isthmus cloud token NAME --role ROLE` makes them."
    )
    return console_page(Frame(), "Sign in", "Who are you?", [form, note])


def reason_form(action: str, verb: str, *more: str, back: str, danger: bool = False) -> Markup:
    """What asks for a reason before something is done."""
    field = element(
        "textarea", id="why", name="why", rows="3", required="", maxlength=str(MAX_WHY), autofocus=""
    )
    return element(
        "form",
        element("label", "Why? It stands in the audit log.", for_="why"),
        field,
        *more,
        element(
            "p",
            element("button", verb, type="submit", class_="danger" if danger else "main"),
            " ",
            element("a", "Go back, change nothing", href=back),
            class_="state",
        ),
        method="post",
        action=action,
        class_="login asking",
    )


def tick(name: str, words: str) -> Markup:
    """A box to tick."""
    box = element("input", type="checkbox", id=name, name=name, value="yes")
    return element("p", box, " ", element("label", words, for_=name))


def error_page(frame: Frame, error: IsthmusError) -> tuple[str, int]:
    """What went wrong, as a page, and the status of HTTP."""
    kind = refused(error).kind
    heading = {404: "There is no such thing", 403: "You may not do that", 409: "Somebody was quicker"}.get(
        kind.status, "That did not work"
    )
    back = element("p", element("a", "To the fleet", href="/"))
    told = element("div", lede(sentence(str(error))), role="alert")
    return console_page(frame, "Error", heading, [join([told]), back]), kind.status
