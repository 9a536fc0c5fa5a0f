"""A caller of the service for tests: a real server on a free port, and plain calls to it."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from cloud.api.service import Service, serving
from cloud.config import ServeConfig
from cloud.models.dual_encoder import DualEncoder
from cloud.models.placement import Placement
from cloud.models.served_models import ServedModels
from cloud.models.tail import Tail
from protos import codec as wire
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.inference_pb2_grpc import InferenceStub
from splitter.families import family, walk
from splitter.families.loading import load_model

FP32 = Placement(torch.device("cpu"), torch.float32, "for tests")
Pixels = NDArray[np.uint8]
SECRET = bytes(range(16))  # of who asks in these tests


@dataclass
class Answered:
    """One answer as a caller gets it."""

    pieces: list[str]
    done: ip.Done

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass
class Caller:
    """A client of one running service."""

    service: Service
    channel: grpc.aio.Channel
    stub: Any

    async def ask(self, request: ip.InferRequest, seconds: float = 60) -> Answered:
        pieces: list[str] = []
        async for reply in self.stub.Infer(request, timeout=seconds):
            assert reply.id == request.id
            if reply.HasField("done"):
                return Answered(pieces, reply.done)
            pieces.append(reply.text)
        raise AssertionError("the stream ended without Done")

    async def refusal(self, request: ip.InferRequest, seconds: float = 60) -> tuple[grpc.StatusCode, str]:
        try:
            answer = await self.ask(request, seconds)
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details() or ""
        raise AssertionError(f"answered {answer.text!r} instead of refusing")

    async def until_idle(self) -> None:
        """Wait until the engine has nothing to do; the caller of a test sets the patience."""
        async with asyncio.timeout(30):
            while (load := self.service.engine.load()).running or load.waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def until_running(self, waiting: int = 0, running: int = 1) -> None:
        """Wait until so many requests run and so many wait."""
        async with asyncio.timeout(30):
            while (load := self.service.engine.load()).running < running or load.waiting < waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def calling(*tails: Tail | DualEncoder, **settings: Any) -> AsyncIterator[Caller]:
    """A service for these tails on a free port of this machine, and a client of it. Unless told otherwise,
    what is asked again is worked for again.
    """
    settings = {"keep_results": 0} | settings
    config = ServeConfig(tuple(tail.bundle.path for tail in tails), port=0, **settings)
    async with (
        serving(ServedModels({tail.digest: tail for tail in tails}), config) as service,
        connected(service.address) as channel,
    ):
        yield Caller(service, channel, InferenceStub(channel))


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[grpc.aio.Channel]:
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
    ]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield channel


def noted(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cuts from which the model is run from now on, step by step."""
    found, advance = list[str](), tail.advance

    def noting(cut: str, *given: Any) -> Any:
        found.append(cut)
        return advance(cut, *given)

    monkeypatch.setattr(tail, "advance", noting)
    return found


def png(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def picture_request(bundle: Bundle, pixels: Pixels, question: str, **fields: Any) -> ip.InferRequest:
    fields = {"client_secret": SECRET} | fields
    return ip.InferRequest(
        bundle=bundle.id, question=question, picture=ip.Picture(data=png(pixels)), **fields
    )


class Head:
    """What a device computes: the same vision layers in torch, FP32, packed by the bundle's own codec."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle, self._family = bundle, family(bundle.manifest.family)
        self._model = load_model(bundle.folder("cloud"))

    def codes(self, pixels: Pixels, cut: str) -> dict[str, NDArray[np.float16]]:
        """The boundary of one picture at a cut as FP16."""
        scaled = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255.0
        with torch.inference_mode():
            boundary = dict(walk(self._family, self._model, (scaled - 0.5) / 0.5))[cut]
        return {name: tensor[0].numpy().astype(np.float16) for name, tensor in boundary.items()}

    def features(self, pixels: Pixels, cut: str) -> ip.Features:
        return self.pack(cut, self.codes(pixels, cut))

    def pack(self, cut: str, codes: dict[str, NDArray[np.float16]]) -> ip.Features:
        payloads = wire.sender(self._bundle.codec(cut, "fp16-zstd"), self._bundle.file).encode(codes)
        return ip.Features(
            cut=cut,
            codec="fp16-zstd",
            payloads=[ip.Payload(name=name, data=data) for name, data in payloads.items()],
        )
