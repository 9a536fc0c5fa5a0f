"""The form that takes a token."""

from protos.pages.markup import Markup, element


def token_form(action: str, wrong: str, *rest: Markup) -> Markup:
    """`wrong`: what was wrong with the token given before, if any; `rest`: other fields, and the button that
    sends it.
    """
    told = element("p", wrong, class_="wrong", role="alert") if wrong else ""
    field = element(
        "input", id="token", name="token", type="password", autocomplete="current-password", required=""
    )
    label = element("label", "Token", for_="token")
    return element("form", told, label, field, *rest, method="post", action=action, class_="login")
