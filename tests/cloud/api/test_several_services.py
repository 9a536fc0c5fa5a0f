"""A device between two real services: each knows its own frames, and one may be lost in mid-run."""

import asyncio
from contextlib import AsyncExitStack

from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link as Way
from cloud.models.tail import Tail
from edge.link.client import CloudClient
from edge.link.endpoint import Endpoint
from edge.link.link import Link
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from protos.arms.rules import Rules
from protos.costs.profile import DeviceProfile
from tests.cloud.calling import Pixels, calling

QUESTION = "describe the image"
RULES = Rules(route="split@connector/fitted-5", allow_local=False)
FAST = Conditions.steady(1000 * MEGABIT, round_trip=0.002)


async def test_where_one_is_lost_the_other_gets_a_key_frame_and_answers_the_same(
    tail: Tail, scenes: list[Pixels]
) -> None:
    links = {"near": Link(tail.bundle), "far": Link(tail.bundle)}
    async with AsyncExitStack() as opened:
        services = [await opened.enter_async_context(calling(tail)) for _ in links]
        ways = [opened.enter_context(Way(one.service.address, FAST)) for one in services]
        clients = [opened.enter_context(CloudClient(way.address)) for way in ways]
        endpoints = [
            Endpoint(client, link, name) for client, (name, link) in zip(clients, links.items(), strict=True)
        ]
        profile = DeviceProfile.from_bundle(tail.bundle)
        device = Orchestrator(tail.bundle, endpoints, profile, clock=lambda: 1.0)

        async def ask() -> Answer:
            return await asyncio.to_thread(device.answer, scenes[0], QUESTION, RULES)

        links["far"].failed("not yet", 1.0, lasting=True)
        first, again = [await ask() for _ in range(2)]
        links["far"].observe_reply()
        links["near"].observe_transfer(1000, 1e-3, 1.0)
        ways[0].cut()
        elsewhere = await ask()
        links["near"].failed("gone", 1.0, lasting=True)
        after = await ask()
    routes = [one.route.rpartition(" ")[2] for one in (first, again, elsewhere, after)]
    assert routes == ["near", "near", "far", "far"]
    assert first.text == again.text == elsewhere.text == after.text
    assert again.payload_bytes < first.payload_bytes / 2  # against the frame before
    assert after.payload_bytes < first.payload_bytes / 2
