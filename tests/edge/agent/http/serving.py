"""The agent's HTTP part on a free port, with the real orchestrator behind it, or an Asking of a test."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
from anyio import Event, sleep_forever
from anyio.from_thread import BlockingPortal, start_blocking_portal

from edge.agent.http.application import HttpPart, Served
from edge.agent.http.applications import DeferredQuestions
from edge.agent.http.settings import HttpSettings
from edge.agent.observing.asking import Asking, SharedOrchestrator
from edge.costs.known import known_profile
from edge.link.client import CloudClient
from edge.link.link import Link
from edge.pictures.resampling import Picture
from edge.policy.router import NETWORK_SECONDS
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.requests.trace import ignore_text
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.weights import Weights
from protos.http.server import HttpServer
from splitter.nano.scenes import picture

MODEL = "isthmus/auto"
QUESTION = "how many squares are there?"
PATIENCE_SECONDS = 60.0  # of a client: the first answer opens the models, which a busy machine takes long for


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    url: str
    part: HttpPart
    portal: BlockingPortal


@contextmanager
def serving(
    bundle: Bundle,
    asking: Asking | None = None,
    cloud: str | None = None,
    rules: Rules | None = None,
    served: dict[str, Any] | None = None,
    deferring: DeferredQuestions | None = None,
    network_seconds: float = NETWORK_SECONDS,
    **settings: Any,
) -> Iterator[Running]:
    """A server in a thread of its own; `settings` as `[http]` has them, `served` as `Served` has them."""
    client = CloudClient(cloud) if cloud else None
    link = Link(bundle, time.monotonic())
    http = HttpSettings(**settings)
    http.check()
    with start_blocking_portal() as portal:
        part = HttpPart(
            http,
            Served(
                bundle=bundle,
                asking=asking
                or SharedOrchestrator(
                    Orchestrator(
                        bundle, client, known_profile(bundle, 1), link, network_seconds=network_seconds
                    )
                ),
                rules=rules or Rules(),
                weights=Weights(),
                remote=client is not None,
                **{
                    "links": lambda: {"": link.snapshot(time.monotonic())} if client else {},
                    **(served or {}),
                },
            ),
        )
        server = HttpServer(
            part.application(deferring), ("127.0.0.1", 0), http.max_connections, option="http.listen"
        )
        ended, url = portal.start_task(server.run)
        try:
            yield Running(str(url), part, portal)
        finally:
            ended.cancel()
    if client:
        client.close()


def scene(seed: int = 1) -> Picture:
    """A picture of the built-in model's world."""
    return picture(seed).image


def png(pixels: Picture) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def asked(url: str, question: str = QUESTION) -> Any:
    """Messages with one picture and one question, which every client types in its own way."""
    parts = [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


class Never:
    """An Asking that tells some words and goes on for ever; `asked` and `cancelled` are set as it comes."""

    def __init__(self, *words: str) -> None:
        self._words, self.asked, self.cancelled = words, Event(), Event()

    async def answer(self, *_: Any, on_text: Callable[[str], None] = ignore_text, **__: Any) -> Answer:
        for word in self._words:
            on_text(word)
        self.asked.set()
        try:
            await sleep_forever()
        finally:
            self.cancelled.set()
        raise AssertionError
