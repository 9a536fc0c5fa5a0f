"""A request's picture, features or cached frame as they enter the tail. Runs in a decode thread."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cloud.admission.cached_inputs import CachedInputs, Request
from cloud.engine.encoder_cache import CachedEmbeds
from cloud.engine.job import VisionInput
from cloud.models.vision_tail import VisionTail
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.bundle import PICTURE_CUT
from protos.codec.payload import Frame
from protos.errors import PayloadError, RequestError
from protos.features import coding_of, payloads_of
from protos.pictures.frames import frame_digest, sent_bytes, split_reference
from protos.pictures.tiles import ONE_TILE, claimed_grid

DecodePicture = Callable[[bytes, pb.Manifest], NDArray[np.uint8]]  # a file to RGB (h, w, 3)


def vision_input(
    tail: VisionTail, request: Request, cached: CachedInputs, decode: DecodePicture
) -> VisionInput:
    """Decode the input of a request; a picture by `decode`.

    Raises RequestError for none, PictureError, PayloadError, UnknownName or TooLarge for a wrong one.
    """
    if cached.embeds is not None:
        return _cached_frame(tail, request.cached_frame.hex(), cached.embeds)
    if request.HasField("picture"):
        return _picture(tail, request.picture.data, decode)
    if request.HasField("features"):
        return _features(tail, request.features, cached.reference)
    raise RequestError(
        "the request holds no input; give features, a picture, or the digest of a frame sent before"
    )


def _cached_frame(tail: VisionTail, frame: str, embeds: CachedEmbeds) -> VisionInput:
    cut, boundary = tail.cached_boundary(embeds.image_tokens)
    return VisionInput(cut, boundary, embeds.grid, frame, cached=True)


def _picture(tail: VisionTail, data: bytes, decode: DecodePicture) -> VisionInput:
    boundary, grid = tail.preprocess(decode(data, tail.bundle.manifest))
    frame = frame_digest(tail.digest, PICTURE_CUT, "", ONE_TILE, [("picture", data)])
    return VisionInput(PICTURE_CUT, boundary, grid, frame)


def _features(tail: VisionTail, features: ip.Features, reference: Frame | None) -> VisionInput:
    cut, codec = coding_of(features, tail.bundle.manifest)
    payloads = payloads_of(features, tail.bundle.codec(cut, codec))
    grid = claimed_grid(features, tail.bundle.manifest.preprocessing)
    boundary, sent = tail.unpack(cut, codec, payloads, grid.tiles, reference)
    parts = payloads.items() if sent is None else sent_bytes(sent)
    frame = frame_digest(tail.digest, cut, codec, grid, parts)
    if reference is not None and not frame.startswith(split_reference(features.reference)[1]):
        raise PayloadError(
            "the differences do not lead to the frame that they are said to; the payload is damaged: "
            "send a key frame"
        )
    return VisionInput(cut, boundary, grid, frame, sent, codec=codec)
