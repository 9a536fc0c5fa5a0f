"""What all pages of the console share: navigation, numbers in words, forms, what went wrong."""

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

from cloud.fleet.api.operators import Operator
from protos.pages.document import Page, document
from protos.pages.live import SCRIPT
from protos.pages.markup import Markup, element, join

LOGIN, LOGOUT = "/login", "/logout"
NOTHING = "\N{EN DASH}"  # where a number would stand
_PLACES = {
    "Fleet": "/",
    "Devices": "/devices",
    "Tune": "/tune",
    "Rollouts": "/rollouts",
    "Audit": "/audit",
}


class Frame(NamedTuple):
    """Who sees a page. `asks`: they had to say who they are, and may take it back."""

    operator: Operator | None = None
    asks: bool = False


def console_page(frame: Frame, kind: str, heading: str, parts: Iterable[str]) -> str:
    """The whole page. `kind`: which of the places it belongs to."""
    return document(Page(kind, heading, parts), _navigation(frame, kind), SCRIPT)


def _navigation(frame: Frame, kind: str) -> Markup:
    if frame.operator is None:
        return Markup('<nav hidden=""></nav>')
    links = [
        element("a", name, href=path, aria_current="page" if name == kind else None)
        for name, path in _PLACES.items()
    ]
    return join([element("nav", *links, _who(frame), aria_label="The console", class_="console")])


def _who(frame: Frame) -> Markup:
    assert frame.operator
    if not frame.asks:
        return Markup()
    told = element("span", f"{frame.operator.name} ({frame.operator.role.name.lower()})", class_="soft")
    leave = element("button", "Sign out", type="submit", class_="plainly")
    return element("form", told, leave, method="post", action=LOGOUT, class_="who")


def device_link(name: str) -> Markup:
    return element("a", name, href=device_path(name))


def device_path(name: str) -> str:
    return f"/devices/{quote(name, safe='')}"


def rollout_link(name: str) -> Markup:
    return element("a", name, href=f"/rollouts/{quote(name, safe='')}")


def with_query(path: str, query: Mapping[str, str]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def moment(at: float, now: float) -> Markup:
    """A time by UTC; with its day, where that is not today."""
    then, today = time.gmtime(at), time.gmtime(now)
    same = then[:3] == today[:3]
    words = time.strftime("%H:%M:%S" if same else "%-d %b %Y, %H:%M", then)
    return element("time", words, datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", then))


def ago(seconds: float) -> str:
    """A length of time, roughly."""
    for unit, worth in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * worth or (unit == "min" and seconds >= worth):
            return f"{seconds / worth:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def counted(number: float, thing: str = "") -> str:
    """9,812 devices; 1 device."""
    written = f"{number:,.0f}"
    return f"{written} {thing}{'' if written == '1' else 's'}" if thing else written


def percent(share: float) -> str:
    """0, less than 0.1%, 2.3%, 40%."""
    value = 100 * share
    if not value:
        return "0%"
    if abs(value) < 0.1:
        return "<0.1%"
    return f"{value:.0f}%" if abs(value) >= 9.95 else f"{value:.1f}%"


def signed_percent(share: float) -> str:
    return f"{100 * share:+.1f}%".replace("-", "\N{MINUS SIGN}")


def labelled(words: str, control: Markup, key: str) -> Markup:
    """A field of a form, below its name."""
    return element("p", element("label", words, for_=key), control, class_="field")


def text_field(name: str, value: str = "", **more: object) -> Markup:
    return element("input", id=name, name=name, value=value, type="text", **more)


def choice(name: str, options: Mapping[str, str], chosen: str) -> Markup:
    """A list to choose from: what is sent, and what is read."""
    made = [
        element("option", words, value=value, selected="" if value == chosen else None)
        for value, words in options.items()
    ]
    return element("select", *made, id=name, name=name)
