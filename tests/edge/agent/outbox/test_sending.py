"""What is kept is sent once there is a link, the same in every try, and its answer told to the observers."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import grpc
import pytest

from edge.agent.observing.deferral import Subject
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.outbox.outbox import Outbox
from edge.agent.outbox.sending import OutboxSender
from edge.link.byte_count import ByteCount
from edge.link.client import CloudClient
from edge.requests.machine import Machine
from edge.testing.scripted_cloud import Context, Script, ScriptedCloud, breaks_off, refuses, says, serving
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from tests.edge.agent.events import sightings
from tests.edge.agent.outbox.entries import NOW, Wall, answered, note, outbox, request

Told = list[StandingAnswer]
_MINUTES = 600.0


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def kept(tmp_path: Path, wall: Wall) -> Iterator[Outbox]:
    with closing(outbox(tmp_path, wall=wall)) as opened:
        yield opened


@asynccontextmanager
async def waiting(kept: Outbox, cloud: ScriptedCloud) -> AsyncIterator[OutboxSender]:
    """A sender that has failed once, and tries again in minutes only."""
    with CloudClient(cloud.address) as client:
        sender = OutboxSender(kept, client, Machine(), [], first_seconds=_MINUTES)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sender.run, name="outbox")
            await until(lambda: cloud.requests)
            yield sender
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def sending(kept: Outbox, cloud: ScriptedCloud, machine: Machine | None = None) -> AsyncIterator[Told]:
    """A sender at work; what its observer is told."""
    told: Told = []

    async def observe(seen: StandingAnswer) -> None:
        told.append(seen)

    with CloudClient(cloud.address) as client:
        sender = OutboxSender(kept, client, machine or Machine(), [observe], first_seconds=0.01)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sender.run, name="outbox")
            yield told
            tasks.cancel_scope.cancel()


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not condition():  # noqa: ASYNC110 - the sender tells nobody what it has not done
            await anyio.sleep(0.01)


def in_turn(*scripts: Script) -> Script:
    """Another script for each request, the last for all that follow."""
    left = list(scripts)

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        yield from (left.pop(0) if len(left) > 1 else left[0])(request, context)

    return script


async def test_an_answer_is_told_with_what_it_is_about(kept: Outbox) -> None:
    identity = kept.put(request(), note())
    with serving(says("dark ", "red", times={"tail": 4.0})) as cloud:
        async with sending(kept, cloud) as told:
            await until(lambda: told)
    (seen,) = told
    assert (seen.deferred, seen.text, seen.question) == (identity, "dark red", "colour")
    assert (seen.frame.source, seen.frame.sequence, seen.frame.taken) == ("camera", 7, NOW)
    assert seen.frame.picture.size == 0
    assert seen.answer.route == seen.answer.decision.arm.name == "split@connector/int8-zstd"
    assert (seen.answer.tokens, seen.answer.stages["tail"]) == (2, 4.0)
    assert seen.answer.bytes_up == cloud.requests[0].ByteSize()


async def test_a_lost_reply_is_asked_for_again_with_the_same_key(kept: Outbox) -> None:
    kept.put(request(), note())
    lost = refuses(grpc.StatusCode.UNAVAILABLE, "lost", "dark ")
    with serving(in_turn(lost, breaks_off("dark "), says("red"))) as cloud:
        async with sending(kept, cloud) as told:
            await until(lambda: told)
    first, *more = cloud.requests
    assert len(more) == 2
    assert all(again == first for again in more)
    assert len(first.idempotency_key) == 16
    assert [seen.text for seen in told] == ["red"]


async def test_what_is_kept_while_it_waits_is_sent_too(kept: Outbox) -> None:
    with serving(says("red")) as cloud, CloudClient(cloud.address) as client:
        sender = OutboxSender(kept, client, Machine(), [])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sender.run, name="outbox")
            await anyio.wait_all_tasks_blocked()
            identity = kept.put(request(), note(subject=Subject()))
            sender.kept()
            await until(lambda: kept.answer(identity).text == "red")
            tasks.cancel_scope.cancel()


async def test_one_that_never_succeeds_holds_no_other_up(kept: Outbox) -> None:
    poison = kept.put(request(900), note(due=10))
    good = kept.put(request(), note(due=20))

    def script(asked: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        fails = asked.id == poison
        yield from (refuses(grpc.StatusCode.UNAVAILABLE, "lost") if fails else says("red"))(asked, context)

    with serving(script) as cloud:
        async with sending(kept, cloud):
            await until(lambda: kept.answer(good).text)
    assert kept.answer(poison).state == "waiting"


async def test_an_answer_to_others_by_the_cloud_ends_the_wait(kept: Outbox) -> None:
    identity = kept.put(request(), note())
    with serving(in_turn(refuses(grpc.StatusCode.UNAVAILABLE, "lost"), says("red"))) as cloud:
        async with waiting(kept, cloud) as sender:
            await sender.observe(sightings.seen("blue", route="local"))
            await anyio.sleep(0.1)
            assert len(cloud.requests) == 1
            await sender.observe(sightings.seen("blue", route="split@connector/int8-zstd"))
            await until(lambda: kept.answer(identity).text)


async def test_answers_to_others_end_the_wait_of_one_that_fails_for_itself_once(kept: Outbox) -> None:
    kept.put(request(), note())
    with serving(refuses(grpc.StatusCode.UNAVAILABLE, "lost")) as cloud:
        async with waiting(kept, cloud) as sender:
            for tries in (2, 2):
                await sender.observe(sightings.seen("blue", route="split@connector/int8-zstd"))
                await until(lambda: len(cloud.requests) == tries)  # noqa: B023 - it is called at once
                await anyio.sleep(0.1)
            assert len(cloud.requests) == 2


async def test_a_bundle_that_is_not_served_waits_and_another_is_sent(kept: Outbox, wall: Wall) -> None:
    old, new = kept.put(request(bundle=b"old"), note(due=10)), kept.put(request(bundle=b"new"), note(due=20))

    def script(asked: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        wrong = refuses(grpc.StatusCode.FAILED_PRECONDITION, "served: new")
        yield from (wrong if asked.bundle == b"old" else says("red"))(asked, context)

    with serving(script) as cloud:
        async with sending(kept, cloud):
            await until(lambda: kept.answer(new).text)
        assert kept.answer(old).state == "waiting"
        wall.now += 11
        async with sending(kept, cloud):
            await until(lambda: kept.answer(old).state == "dropped")
    assert [asked.bundle for asked in cloud.requests] == [b"old", b"new"]


async def test_what_the_cloud_refuses_is_dropped_with_the_reason(kept: Outbox) -> None:
    identity = kept.put(request(), note())
    with serving(refuses(grpc.StatusCode.INVALID_ARGUMENT, "the question is empty")) as cloud:
        async with sending(kept, cloud) as told:
            await until(lambda: kept.answer(identity).state == "dropped")
            await until(lambda: not kept.untold())
    assert "the question is empty" in kept.answer(identity).reason
    assert told == []


async def test_the_bytes_of_a_day_hold_for_what_was_deferred(kept: Outbox, tmp_path: Path) -> None:
    wall, rules = Wall(), Rules(bytes_per_day=1500)
    first, second = (kept.put(request(1000), note(due=due, rules=rules)) for due in (10, 20))
    with serving(says("red")) as cloud:
        async with sending(kept, cloud, Machine(count=ByteCount(tmp_path / "bytes.json", wall))):
            await until(lambda: kept.answer(first).text)
            await anyio.sleep(0.1)
            assert kept.answer(second).state == "waiting"
            wall.now += 86400
            await until(lambda: kept.answer(second).text)
    assert len(cloud.requests) == 2


async def test_what_was_answered_before_a_kill_is_told_after_it(kept: Outbox) -> None:
    kept.put(request(), note())
    entry = kept.next()
    assert entry
    kept.settle(answered(entry))
    with serving(says("blue")) as cloud:
        async with sending(kept, cloud) as told:
            await until(lambda: told)
    assert told[0].text == "red"
    assert cloud.requests == []
