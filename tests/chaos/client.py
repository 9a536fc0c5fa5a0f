"""An application that asks an agent without end, in many ways, and notes what becomes of every question."""

import json
import time
from collections.abc import AsyncIterator, Callable
from itertools import chain, cycle
from typing import Any, NamedTuple

import anyio
import httpx
from prometheus_client.parser import text_string_to_metric_families

from edge.agent.http.applications import SOURCE
from splitter.nano.scenes import HELD_OUT_SEEDS, picture
from tests.chaos.ledger import PUSHED, Ledger
from tests.edge.agent.http.serving import asked, data_url, png

PATIENCE = 180.0  # seconds; who waits longer for a reply counts it as lost
_QUESTIONS = ("describe the image", "what color is the background", "how many squares are there?")
_SCENES = 24
_ANSWERS = "isthmus_answers_total"


class Way(NamedTuple):
    """How a question is asked: a model's name, the options in `isthmus`, and whether as a stream."""

    model: str = "isthmus/auto"
    options: dict[str, object] = {}  # noqa: RUF012 - nobody writes to it
    stream: bool = False
    push: bool = False  # a picture for the source, whose question may wait


WAYS = (
    Way(),
    Way(push=True),
    Way(stream=True),
    Way(options={"never_leave_device": True}),
    Way("isthmus/split", {"local": False}),
    Way(push=True),
    Way("isthmus/upload", {"local": False}, stream=True),
    Way("isthmus/split"),
    Way(options={"deadline": "300ms"}),
    Way("isthmus/upload"),
)
WRONG = (
    Way("isthmus/upload", {"never_upload": True, "local": False}),  # the rules leave no way
    Way("isthmus/nothing"),
)


class Application:
    """`ledger` may be exchanged; a question is noted where it was asked."""

    def __init__(self, url: str, ledger: Ledger, ways: tuple[Way, ...] = WAYS) -> None:
        self.ledger, self._ways = ledger, cycle(ways)
        self._pictures = cycle([png(picture(HELD_OUT_SEEDS + scene).image) for scene in range(_SCENES)])
        self._texts = cycle(_QUESTIONS)
        self._http = httpx.AsyncClient(
            base_url=url, timeout=PATIENCE, limits=httpx.Limits(max_connections=None), trust_env=False
        )
        self._pushing = anyio.Lock()  # so that frames are counted in the order in which they were pushed

    async def close(self) -> None:
        await self._http.aclose()

    async def told(self) -> int:
        """How many answers to applications the agent has told its observers of."""
        text = (await self._http.get("/metrics")).text
        samples = chain.from_iterable(family.samples for family in text_string_to_metric_families(text))
        counts = [one.value for one in samples if one.name == _ANSWERS and one.labels["source"] == SOURCE]
        return round(sum(counts))

    async def ask(self) -> None:
        """The next question, until it has ended."""
        ledger, way, data = self.ledger, next(self._ways), next(self._pictures)
        number = ledger.ask()
        try:
            if way.push:
                await self._push(ledger, number, data)
            elif way.stream:
                await self._stream(ledger, number, self._body(way, data))
            else:
                await self._whole(ledger, number, self._body(way, data))
        except httpx.HTTPError:
            return  # a question without an end

    async def ask_together(self, questions: int, at_once: int) -> None:
        """So many, so many at a time."""

        async def ask() -> None:
            while self.ledger.asked < questions:
                await self.ask()

        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(ask)

    async def ask_until(self, done: Callable[[], bool], per_second: float) -> None:
        """At a steady rate, whether or not the last ones are answered; ends when all have ended."""
        async with anyio.create_task_group() as tasks:
            due = time.monotonic()
            while not done():
                tasks.start_soon(self.ask)
                due += 1 / per_second
                await anyio.sleep(max(due - time.monotonic(), 0))

    def _body(self, way: Way, data: bytes) -> dict[str, Any]:
        messages = asked(data_url(data), next(self._texts))
        return {"model": way.model, "messages": messages, "stream": way.stream, "isthmus": way.options}

    async def _push(self, ledger: Ledger, number: int, data: bytes) -> None:
        async with self._pushing:
            reply = await self._http.post(f"/v1/push/{PUSHED}", content=data)
            if reply.status_code == httpx.codes.ACCEPTED:
                ledger.push(number)
                return
        ledger.end(number, refusal=_code(reply.json()))

    async def _whole(self, ledger: Ledger, number: int, body: dict[str, Any]) -> None:
        reply = await self._http.post("/v1/chat/completions", json=body)
        if reply.is_success:
            ledger.end(number, reply.json()["isthmus"]["route"])
        else:
            ledger.end(number, refusal=_code(reply.json()))

    async def _stream(self, ledger: Ledger, number: int, body: dict[str, Any]) -> None:
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as reply:
            if not reply.is_success:
                ledger.end(number, refusal=_code(json.loads(await reply.aread())))
                return
            async for told in _events(reply):
                if "error" in told:
                    route = told["error"].get("isthmus", {}).get("route", "")  # an answer that began anew
                    ledger.end(number, route, "" if route else _code(told))
                elif told["choices"][0]["finish_reason"]:
                    ledger.end(number, told["isthmus"]["route"])


async def _events(reply: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in reply.aiter_lines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def _code(body: dict[str, Any]) -> str:
    """Why it was refused; a refusal that says nothing is none."""
    assert body["error"]["message"]
    return str(body["error"]["code"])
