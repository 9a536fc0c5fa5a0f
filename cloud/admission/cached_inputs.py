"""What the encoder cache holds for a request."""

from typing import NamedTuple

from cloud.engine.encoder_cache import CachedEmbeds, EncoderCache
from cloud.sharing.caller import Caller
from protos import inference_pb2 as ip
from protos.codec.payload import Frame
from protos.errors import RequestError
from protos.limits import CLIENT_SECRET_BYTES
from protos.pictures.frames import split_reference

_MAX_SECRET_BYTES = 64

Request = ip.InferRequest | ip.EmbedRequest
Owned = Request | ip.WatchOpening  # has a client_secret


class CachedInputs(NamedTuple):
    """The image tokens of the frame that a request names, or the frame that its features are coded
    against.
    """

    embeds: CachedEmbeds | None = None
    reference: Frame | None = None


def owner_of(request: Owned, caller: Caller) -> str:
    """Whose frames the request may refer to, as a hash: of who knows its secret, or of the device, where that
    is known. Empty without a secret: nothing is to be kept. Raises RequestError for a secret that could be
    guessed, or is no secret but data.
    """
    size = len(request.client_secret)
    if size and not CLIENT_SECRET_BYTES <= size <= _MAX_SECRET_BYTES:
        raise RequestError(
            f"client_secret has {size} bytes; give {CLIENT_SECRET_BYTES} to {_MAX_SECRET_BYTES} random ones, "
            "or none to have no frame kept"
        )
    return caller.owner(request.client_secret) if size else ""


def look_up(request: Request, bundle: str, owner: str, encoder_cache: EncoderCache) -> CachedInputs:
    """Look up the owner's frame of a bundle that the request refers to. Raises UnknownFrame, or PayloadError
    for no reference.
    """
    if request.WhichOneof("input") == "cached_frame":
        return CachedInputs(embeds=encoder_cache.get(request.cached_frame.hex(), bundle, owner))
    if reference := request.features.reference:
        prefix, _ = split_reference(reference)
        return CachedInputs(reference=encoder_cache.reference(prefix, bundle, owner))
    return CachedInputs()
