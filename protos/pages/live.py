"""A page that its server keeps as it is now: parts of it, each in its place, are sent as they change."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from protos.pages.markup import Markup, element

SCRIPT = "/live.js"  # where a server has it
SCRIPT_TEXT = (Path(__file__).parent / "live.js").read_text(encoding="utf-8")
ALIVE = ": alive\n\n"  # an event that says nothing


def live_state(stream: str) -> Markup:
    """What the script tells of itself, and where its stream is; without a script the page stands as it was
    loaded.
    """
    state = element("span", "As it was loaded", id="live-state", role="status", data_source=stream)
    button = element("button", "Pause", id="live-pause", type="button", hidden="")
    return element("p", state, button, class_="state")


def place(part: str) -> str:
    """The id of where a part stands."""
    return f"live-{part}"


def placed(part: str, markup: str) -> Markup:
    """A part, in its place."""
    return element("div", markup, id=place(part))


class PartsTold:
    """What one viewer's page shows."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def news(self, parts: Mapping[str, Markup]) -> Iterator[str]:
        """Parts that are others than were told, as server-sent events."""
        for part, markup in parts.items():
            if self._told.get(part) != markup:
                self._told[part] = markup
                yield f"event: part\ndata: {json.dumps({'id': place(part), 'markup': markup})}\n\n"
