"""The ways that devices answer: their order, their words and their colours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cloud.fleet.console.layout import counted, percent
from protos.pages.markup import Markup, element

SILENT = ""  # no answers came by any way
_MAX_WAYS = 9  # told apart; all others are one
_DEPTHS = 6  # colours of splits, the earliest cut first
_ROUTES = {"upload": "upload", "cached": "cached", "cascade": "auto", "local": "local"}


class Way(NamedTuple):
    """`style`: a class of the style sheet."""

    name: str
    words: str
    style: str


class Ways(NamedTuple):
    """In order: pictures uploaded, splits from the earliest cut to the last, answers of devices alone."""

    known: Sequence[Way]

    def of(self, name: str) -> Way:
        return next((way for way in self.known if way.name == name), _OTHER)

    def place(self, name: str) -> int:
        return self.known.index(self.of(name)) if self.of(name) in self.known else len(self.known)

    def key(self, counts: Mapping[str, int]) -> Markup:
        """What each colour is, and how many devices there are of it."""
        shown: dict[Way, int] = {}
        for name, count in counts.items():
            shown[self.of(name)] = shown.get(self.of(name), 0) + count
        total = sum(shown.values()) or 1
        order = [*self.known, _OTHER]
        return element(
            "ul",
            *(
                element(
                    "li",
                    element("span", "", class_=f"swatch {way.style}"),
                    f"{way.words} ",
                    element("span", f"{counted(count)} · {percent(count / total)}", class_="soft"),
                )
                for way, count in sorted(shown.items(), key=lambda one: order.index(one[0]))
            ),
            class_="key",
        )


_OTHER = Way("\n", "other ways", "other")
_SILENT = Way(SILENT, "no answers now", "silent")


def ways_of(counts: Mapping[str, int], depths: Mapping[str, float]) -> Ways:
    """The ways that most devices go. `depths`: where in the chain the cut of a split lies, 0 to 1, by way."""
    most = sorted((way for way in counts if way), key=lambda way: -counts[way])[:_MAX_WAYS]
    splits = sorted((way for way in most if way.startswith("split@")), key=lambda w: (depths.get(w, 1.0), w))
    found = [
        Way(way, f"split at {way[6:]}", style) for way, style in zip(splits, _shades(splits), strict=True)
    ]
    plain = [way for way in most if way not in splits]
    routes = [
        Way(way, way.replace("@", " at "), _ROUTES.get(way.partition("@")[0], "other")) for way in plain
    ]
    order = list(_ROUTES)
    before = sorted((way for way in routes if way.style == "upload"), key=lambda way: way.name)
    after = sorted(
        (way for way in routes if way not in before),
        key=lambda way: (order.index(way.name) if way.name in order else 9, way.name),
    )
    return Ways([*before, *found, *after, *([_SILENT] if SILENT in counts else [])])


def _shades(splits: Sequence[str]) -> Iterable[str]:
    """Colours that are as far apart as there is room for."""
    last = max(len(splits) - 1, 1)
    return (f"d{min(round(index * (_DEPTHS - 1) / last), _DEPTHS - 1)}" for index in range(len(splits)))
