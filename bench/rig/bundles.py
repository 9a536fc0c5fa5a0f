"""The bundle that the demonstration works with, and the cheapest of its uploads and splits."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from protos import bundle_pb2 as pb
from protos.arms.loss import sure_loss_of
from protos.bundle import Bundle
from protos.config import built_in_bundle, named_bundle
from protos.errors import BundleMissing, BundleTooOld, IsthmusError
from protos.packed import bundle_at
from protos.terminal.parser import Parser
from splitter.commands import split
from splitter.recipe import Options, recipe

MAX_POINTS_LOST = 1.0


def chosen_bundle(chosen: Path | None) -> Bundle:
    """The chosen bundle, else that of $ISTHMUS_BUNDLE, else the built-in model's, which is split into the
    cache where it is missing or out of date. Raises BundleError.
    """
    place = chosen or named_bundle()
    if place:
        return bundle_at(place)
    folder = built_in_bundle()
    if not _current(folder):
        _split(folder)
    return Bundle.open(folder)


def prepare(chosen: Path | None) -> Bundle:
    """The same, for what shows answers on the device."""
    bundle = chosen_bundle(chosen)
    bundle.check_measured()
    if not bundle.manifest.HasField("local"):
        raise BundleMissing(
            f"{bundle.path} cannot answer on the device, which the demonstration shows; split it again with "
            "--with-local"
        )
    return bundle


def _current(folder: Path) -> bool:
    """Whether the installed weights, versions and code made the bundle in the cache."""
    try:
        bundle = Bundle.open(folder)
    except (BundleMissing, BundleTooOld):
        return False
    return not bundle.unmeasured and bundle.measurements.recipe == recipe(options_of(folder))


def options_of(folder: Path) -> Options:
    """What `_split` splits by."""
    parser = Parser()
    split.add_arguments(parser)
    return split.chosen_options(parser.parse_args(_arguments(folder)))


def _arguments(folder: Path) -> list[str]:
    """The small local model, so that answers of the device and of the cloud differ."""
    return ["-o", str(folder), "--local", "small", "--replace"]


def _split(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "isthmus", "split", *_arguments(folder)]
    # to standard error: standard output is for what was asked
    if subprocess.run(command, check=False, stdout=2).returncode:  # noqa: S603 - our own command
        raise IsthmusError(
            f"the built-in model could not be split into {folder}; what went wrong stands above"
        )


_Coded = TypeVar("_Coded", pb.MeasuredCodec, pb.MeasuredUpload)


def cheapest_upload(measured: pb.Measurements, formats: Iterable[str]) -> pb.MeasuredUpload:
    """The fewest bytes of a picture that loses at most a point against the whole model, beyond noise."""
    return _cheapest(
        [upload for upload in measured.uploads if upload.format in set(formats)], measured.accuracy
    )


def cheapest_split(measured: pb.Measurements) -> str:
    """CUT/CODEC with the fewest bytes that loses at most a point against the whole model, beyond noise."""
    coded = {
        f"{cut}/{name}": codec for cut, parts in measured.cuts.items() for name, codec in parts.codecs.items()
    }
    best = _cheapest(list(coded.values()), measured.accuracy)
    return next(name for name in sorted(coded) if coded[name] == best)


def cheapest_codec(measured: pb.Measurements, cut: str) -> str:
    """The codec of a cut with the fewest bytes that loses at most a point, as above."""
    codecs = measured.cuts[cut].codecs
    best = _cheapest([codecs[name] for name in sorted(codecs)], measured.accuracy)
    return next(name for name in sorted(codecs) if codecs[name] == best)


def _cheapest(candidates: list[_Coded], whole: float) -> _Coded:
    """Where none is good enough: the most accurate."""
    if not candidates:
        raise BundleMissing("the bundle's report holds no such way to the cloud; split the model again")
    good = [c for c in candidates if sure_loss_of(c, whole) <= MAX_POINTS_LOST]
    if good:
        return min(good, key=lambda c: c.mean_bytes)
    return min(candidates, key=lambda c: (sure_loss_of(c, whole), -c.accuracy))
