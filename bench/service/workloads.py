"""What the devices ask: requests made beforehand, as a device's head and coders make them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bench.rig.bundles import cheapest_codec, cheapest_upload
from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import FrameCoder
from edge.upload.picture_encoder import encode_picture
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.measurements import coding_of
from protos.pictures.upload_formats import UPLOAD_FORMATS
from splitter.nano.scenes import HELD_OUT_SEEDS, Raster, picture

UPLOAD, MIXED, LONG = "upload", "mixed cuts", "long"
_QUESTION = "describe the image"
_SCENES = 24
_RAMBLING = 100.0  # the temperature at which all tokens are as likely, so that hardly an answer ends early


@dataclass(frozen=True)
class Workloads:
    """Folders of requests, a file each, by what they are of: a cut's name, or one of the names above."""

    folders: Mapping[str, Path]
    cuts: Sequence[str]  # the earliest first

    @property
    def last(self) -> str:
        """The cut behind which the cloud has least to do."""
        return self.cuts[-1]


def write_workloads(bundle: Bundle, tokens: int, folder: Path) -> Workloads:
    """Requests for answers of at most so many tokens, and long ones of as many as the bundle allows, sampled.

    Features are of the fewest bytes that lose at most a point at their cut, and so are the uploads. Raises
    BundleError for a bundle without measurements.
    """
    bundle.check_measured()
    scenes = [picture(HELD_OUT_SEEDS + seed).image for seed in range(_SCENES)]
    cuts = [cut.name for cut in bundle.manifest.cuts]
    by_cut = {cut: list(_features(bundle, cut, scenes)) for cut in cuts}
    inputs = {
        **by_cut,
        MIXED: list(chain.from_iterable(zip(*by_cut.values(), strict=True))),
        UPLOAD: list(_uploads(bundle, scenes)),
        LONG: by_cut[cuts[-1]],
    }
    short = ip.Generation(max_tokens=tokens)
    longest = ip.Generation(max_tokens=bundle.manifest.limits.max_new_tokens, temperature=_RAMBLING)
    folders = {}
    for number, (name, requests) in enumerate(inputs.items()):
        folders[name] = folder / str(number)
        _write(folders[name], bundle, requests, longest if name == LONG else short)
    return Workloads(folders, cuts)


def read_requests(folder: Path) -> list[ip.InferRequest]:
    """The requests of a folder, in their order."""
    return [ip.InferRequest.FromString(path.read_bytes()) for path in sorted(folder.iterdir())]


def _write(
    folder: Path, bundle: Bundle, requests: Sequence[ip.InferRequest], generation: ip.Generation
) -> None:
    folder.mkdir()
    for number, request in enumerate(requests):
        asked = ip.InferRequest(bundle=bundle.id, question=_QUESTION, generation=generation)
        asked.MergeFrom(request)
        (folder / f"{number:04}").write_bytes(asked.SerializeToString())


def _features(bundle: Bundle, cut: str, scenes: Sequence[Raster]) -> Iterator[ip.InferRequest]:
    preprocessor, head = Preprocessor(bundle.manifest.preprocessing), Head(bundle)
    coder, codec = FrameCoder(bundle, FeatureEncoders(bundle)), cheapest_codec(bundle.measurements, cut)
    for scene in scenes:
        resized = preprocessor.resize(scene)
        boundary = head.run(preprocessor.pixels(resized), cut).boundary
        frame = coder.encode(cut, codec, boundary, preprocessor.grid(resized), key_frame=True)
        yield ip.InferRequest(features=frame.message())


def _uploads(bundle: Bundle, scenes: Sequence[Raster]) -> Iterator[ip.InferRequest]:
    coding = coding_of(cheapest_upload(bundle.measurements, UPLOAD_FORMATS))
    for scene in scenes:
        yield ip.InferRequest(picture=ip.Picture(data=encode_picture(scene, coding)))
