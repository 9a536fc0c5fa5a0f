"""Honest requests of every kind that a bundle takes: what attacks are made of, and what must still be
answered afterwards exactly as before.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import grpc
import numpy as np
from PIL import Image

from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import FrameCoder
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.pictures.tiles import ONE_TILE
from splitter.nano.scenes import picture
from tests.cloud.calling import SECRET, Pixels

Request = ip.InferRequest | ip.EmbedRequest
Answer = list[Any]
METHODS = {ip.InferRequest: "Infer", ip.EmbedRequest: "Embed"}


@dataclass(frozen=True)
class Asker:
    """Asks one request at a time, as bytes."""

    channel: grpc.aio.Channel

    async def ask(self, request: Request) -> Answer:
        """All of an answer but times and load."""
        start: Any = self.channel.stream_stream(f"/isthmus.v1.Inference/{METHODS[type(request)]}")
        kind = ip.InferReply if isinstance(request, ip.InferRequest) else ip.EmbedReply
        call = start(iter([request.SerializeToString()]), timeout=60)
        return [_lasting(kind.FromString(reply)) async for reply in call]


def _lasting(reply: ip.InferReply | ip.EmbedReply) -> bytes:
    for part in (
        (reply, reply.done) if isinstance(reply, ip.InferReply) and reply.HasField("done") else (reply,)
    ):
        for passing in {"stages", "load"} & set(part.DESCRIPTOR.fields_by_name):
            part.ClearField(passing)
    return reply.SerializeToString(deterministic=True)


async def honest_requests(bundle: Bundle, channel: grpc.aio.Channel) -> list[Request]:
    """Requests that the service answers; those that refer to frames do so to frames of requests before."""
    pixels = picture(77).image
    made: list[Request] = []
    for data in files(pixels):
        made += _both(bundle, picture=ip.Picture(data=data))
    async for features in _features(bundle, channel, pixels):
        made += _both(bundle, features=features)
    made += _with_options(bundle, ip.Picture(data=next(files(pixels))))
    first = ip.InferReply.FromString((await Asker(channel).ask(made[0]))[-1])
    made += _both(bundle, cached_frame=first.done.frame)
    return made


def _both(bundle: Bundle, **given: Any) -> Iterator[Request]:
    """The same input to be answered, and where there are embeddings to be embedded."""
    yield _infer(bundle, **given)
    if bundle.manifest.HasField("matching"):
        yield ip.EmbedRequest(bundle=bundle.id, client_secret=SECRET, **given)


def _infer(bundle: Bundle, **given: Any) -> ip.InferRequest:
    matches = bundle.manifest.HasField("matching")
    defaults: dict[str, Any] = {
        "id": "honest",
        "bundle": bundle.id,
        "client_secret": SECRET,
        "question": "" if matches else "describe the image",
        "labels": ["cat", "dog"] if matches else [],
        "generation": ip.Generation(max_tokens=3),
    }
    return ip.InferRequest(**defaults | given)


def _with_options(bundle: Bundle, sent: ip.Picture) -> Iterator[Request]:
    if bundle.manifest.HasField("matching"):
        yield _infer(bundle, picture=sent, labels=["Zürich", "東京", "a" * 50])
        yield _infer(bundle, picture=sent, labels=[])
        yield ip.EmbedRequest(bundle=bundle.id, texts=ip.Texts(texts=["cat", "a zebra in the snow"]))
        return
    for seed, top_p in ((1, 0.0), (2**64 - 1, 0.9), (3, 1.0)):
        drawn = ip.Generation(max_tokens=3, temperature=1.5, top_p=top_p, seed=seed)
        yield _infer(bundle, picture=sent, generation=drawn)


async def _features(bundle: Bundle, channel: grpc.aio.Channel, pixels: Pixels) -> Any:
    """Of every cut and codec a key frame, and where the codec knows them the differences to a frame that was
    answered.
    """
    preprocessor, head = Preprocessor(bundle.manifest.preprocessing), Head(bundle)
    coder = FrameCoder(bundle, FeatureEncoders(bundle))
    noise = np.random.default_rng(0).normal(0, 2, pixels.shape)
    noisy = (pixels + noise).clip(0, 255).astype(np.uint8)
    for cut in bundle.manifest.cuts:
        boundary, changed = (
            head.run(preprocessor.pixels(preprocessor.resize(image)), cut.name).boundary
            for image in (pixels, noisy)
        )
        for codec in {codec.name.partition("-")[0]: codec for codec in cut.codecs}.values():
            key = coder.encode(cut.name, codec.name, boundary, ONE_TILE)
            yield replace(key, coding=0).message()
            answered = await Asker(channel).ask(_infer(bundle, features=key.message()))
            coder.acknowledge(key, ip.InferReply.FromString(answered[-1]).done.frame.hex())
            following = coder.encode(cut.name, codec.name, changed, ONE_TILE)
            if following.reference:
                yield following.message()
                yield replace(following, coding=0).message()


def files(pixels: Pixels) -> Iterator[bytes]:
    """A picture in every format that is sent, in several of its kinds."""
    image = Image.fromarray(pixels).resize((96, 80))
    exif = Image.Exif()
    exif[0x0112] = 6
    for picture_, kind, options in (
        (image, "PNG", {}),
        (image, "JPEG", {"quality": 90}),
        (image, "JPEG", {"progressive": True, "exif": exif}),
        (image.convert("CMYK"), "JPEG", {}),
        (image.convert("P"), "PNG", {"transparency": 3}),
        (image.convert("RGBA"), "PNG", {}),
        (Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) << 8), "PNG", {}),
        (image, "WEBP", {"quality": 60}),
        (image.convert("RGBA"), "WEBP", {"lossless": True, "exif": exif.tobytes()}),
        (image, "AVIF", {"quality": 60}),
        (image.convert("RGBA"), "AVIF", {"exif": exif.tobytes()}),
    ):
        stream = io.BytesIO()
        picture_.save(stream, kind, **options)
        yield stream.getvalue()
