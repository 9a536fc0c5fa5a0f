"""How telemetry names a way to answer."""

from typing import NamedTuple


class ToldArm(NamedTuple):
    """`codec`: FORMAT-QUALITY of an upload, the share of a cascade."""

    route: str
    cut: str = ""
    codec: str = ""

    @classmethod
    def of(cls, name: str) -> "ToldArm":
        """Of an arm's name: `split@CUT/CODEC`, `upload@FORMAT-QUALITY`, `local`."""
        route, _, place = name.partition("@")
        cut, slash, codec = place.rpartition("/")
        if route != "split":
            return cls(route, "", place)
        return cls(route, cut, codec) if slash else cls(route, place)
