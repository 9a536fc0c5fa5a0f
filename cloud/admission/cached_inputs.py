"""What the encoder cache holds for a request."""

from typing import NamedTuple

from cloud.engine.encoder_cache import CachedEmbeds, EncoderCache
from protos import inference_pb2 as ip
from protos.codec.payload import Frame
from protos.pictures.frames import split_reference

Request = ip.InferRequest | ip.EmbedRequest


class CachedInputs(NamedTuple):
    """The image tokens of the frame that a request names, or the frame that its features are coded
    against.
    """

    embeds: CachedEmbeds | None = None
    reference: Frame | None = None


def look_up(request: Request, encoder_cache: EncoderCache) -> CachedInputs:
    """Look up the frame that the request refers to. Raises UnknownFrame, or PayloadError for no reference."""
    if request.WhichOneof("input") == "cached_frame":
        return CachedInputs(embeds=encoder_cache.get(request.cached_frame, request.bundle))
    if reference := request.features.reference:
        prefix, _ = split_reference(reference)
        return CachedInputs(reference=encoder_cache.reference(prefix, request.bundle))
    return CachedInputs()
