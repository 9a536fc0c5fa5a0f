"""The ways to answer that a bundle offers, by name: `local`, `split@CUT/CODEC`, `upload@FORMAT-QUALITY`,
`cached`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from protos import bundle_pb2 as pb
from protos.errors import UnknownName

AUTO = "auto"
Kind = Literal["local", "split", "upload", "cached"]


@dataclass(frozen=True)
class Arm:
    """One way to answer. `cached`: the cloud still keeps this frame, only the question travels."""

    kind: Kind
    cut: str = ""  # split only
    coding: str = ""  # split: the codec; upload: FORMAT-QUALITY
    mean_bytes: float = 0.0  # payload
    accuracy: float = 0.0  # percent, over the report's questions

    @property
    def name(self) -> str:
        place = "/".join(part for part in (self.cut, self.coding) if part)
        return f"{self.kind}@{place}" if place else self.kind

    @property
    def picture(self) -> tuple[str, int]:
        """Format and quality of an upload."""
        kind, _, quality = self.coding.partition("-")
        return kind, int(quality)

    def label_scores(self, route: str) -> bool:
        """Whether this arm is one that a route asks for; a frame kept by the cloud fits every route through
        the cloud.
        """
        if route in (AUTO, self.name):
            return True
        return (
            (route != "local") if self.kind == "cached" else self.name.startswith((route + "@", route + "/"))
        )


LOCAL = "local"


def local_arm(manifest: pb.Manifest) -> Iterator[Arm]:
    """The arm that needs no cloud, if the bundle has one."""
    if manifest.HasField("local"):
        yield Arm("local", accuracy=manifest.local.accuracy)


def cloud_arms(manifest: pb.Manifest, cached_accuracy: float | None) -> Iterator[Arm]:
    """Every arm through the cloud. `seen`: the accuracy of what the cloud keeps of this frame, None if it
    keeps nothing.
    """
    if cached_accuracy is not None:
        yield Arm("cached", accuracy=cached_accuracy)
    for cut in manifest.cuts:
        for codec in cut.codecs:
            yield Arm("split", cut.name, codec.name, codec.mean_bytes, codec.accuracy)
    for upload in manifest.uploads:
        yield Arm("upload", "", f"{upload.format}-{upload.quality}", upload.mean_bytes, upload.accuracy)


def check_route(route: str, manifest: pb.Manifest) -> None:
    """Raise UnknownName, with what there is, for a route that this bundle does not have."""
    kind, at, place = route.partition("@")
    if kind == "split" and at:
        _check_cut(place, manifest)
    elif kind == "upload" and at:
        _check("upload", place, [f"{upload.format}-{upload.quality}" for upload in manifest.uploads])
    else:
        _check(
            "route",
            route,
            [AUTO, LOCAL, "split", "split@CUT", "split@CUT/CODEC", "upload", "upload@FORMAT-QUALITY"],
        )


def _check_cut(place: str, manifest: pb.Manifest) -> None:
    name, slash, codec = place.partition("/")
    _check("cut", name, [cut.name for cut in manifest.cuts])
    if slash:
        codecs = next(cut.codecs for cut in manifest.cuts if cut.name == name)
        _check(f"codec of cut {name}", codec, [known.name for known in codecs])


def _check(what: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise UnknownName(what, name, known)
