"""Text with places to fill: `{question}`. A brace that means itself is written twice.

`{date:FORMAT}` is the date of the day, in the codes of strftime: a chat template that writes the date must
not keep the day of the split.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from protos.errors import PromptError

_PLACE = re.compile(r"\{\{|\}\}|\{(?P<name>\w+)(?::(?P<format>[^{}]*))?\}")
_DATE = "date"


def literal(text: str) -> str:
    """A text with no place in it: filled, it gives itself."""
    return text.replace("{", "{{").replace("}", "}}")


def places(template: str) -> set[str]:
    """The names of the places that a template has."""
    return {place["name"] for place in _PLACE.finditer(template) if place["name"]}


def fill(template: str, values: Mapping[str, str], now: datetime | None = None) -> str:
    """A template with its places filled; what the values hold stays as it is.

    Raises PromptError for a place that has no value.
    """
    return _PLACE.sub(lambda place: _filled(place, values, now), template)


def _filled(place: re.Match[str], values: Mapping[str, str], now: datetime | None) -> str:
    name = place["name"]
    if name is None:
        return place[0][0]
    if name == _DATE and place["format"] and now:
        return now.strftime(place["format"])
    if name not in values:
        raise PromptError(
            f"the prompt template has a place {place[0]} that nothing fills; split the model again", name=name
        )
    return values[name]
