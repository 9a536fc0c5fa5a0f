"""Whatever is sent, the service answers or refuses as its contract says, and is afterwards as before."""

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from cloud.api.request_bytes import RequestBytes
from cloud.models.dual_encoder import DualEncoder
from cloud.models.tail import Tail
from tests.cloud.calling import Caller, calling
from tests.cloud.fuzz.campaign import Campaign
from tests.cloud.fuzz.honest import Asker, honest_requests
from tests.cloud.fuzz.mutations import attack

MAX_BYTES = 1 << 20  # of frames kept


@pytest.fixture(autouse=True)
def nobody_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign is one caller with thousands of calls that come to nothing."""
    for bucket in ("_OF_CONNECTION", "_OF_ADDRESS"):
        monkeypatch.setattr(f"cloud.sharing.fruitless.{bucket}", 1e9)


DECODERS = 4  # threads: two for features, two for pictures


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


@pytest.mark.slow
async def test_a_campaign_leaves_no_trace(
    attacked: Tail | DualEncoder,
    messages: int,
    seed: int,
    budgets: list[RequestBytes],
    errors: list[logging.LogRecord],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with calling(attacked, max_frame_bytes=MAX_BYTES, max_sent_bytes=MAX_BYTES) as caller:
        asker = Asker(caller.channel)
        honest = await honest_requests(attacked.bundle, caller.channel)
        before = [await asker.ask(request) for request in honest]
        while sum(name.startswith("decode ") for name in threads()) < DECODERS:  # every thread is to begin
            await asyncio.gather(*(asker.ask(request) for request in honest))
        free, running = [budget._free for budget in budgets], threads()
        campaign = Campaign(caller.channel, honest, seed, tmp_path)
        await campaign.run(messages)
        await caller.until_idle()
        assert [await asker.ask(request) for request in honest] == before
        assert_nothing_is_held(caller, budgets)
        assert [budget._free for budget in budgets] == free
        assert threads() <= running
    assert campaign.failed == []
    assert set(campaign.counts) >= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}
    assert [record.getMessage() for record in errors] == []
    written, complained = capfd.readouterr()
    assert "Traceback" not in written + complained
    assert " object at 0x" not in written + complained
    print(f"seed {seed}:", dict(campaign.counts))


def assert_nothing_is_held(caller: Caller, budgets: list[RequestBytes]) -> None:
    for budget in budgets:
        assert budget._held.total == 0
        assert not budget._places._open
        assert not budget._places._waiting
    cache = caller.service.engine._encoder_cache
    for kept in (cache._embeds, cache._sent):
        assert 0 < kept._bytes <= MAX_BYTES


async def test_a_message_can_be_made_again(attacked: Tail | DualEncoder) -> None:
    async with calling(attacked) as caller:
        honest = await honest_requests(attacked.bundle, caller.channel)
    assert [attack(1, index, honest) for index in range(50)] == [
        attack(1, index, honest) for index in range(50)
    ]
    assert len({attack(1, index, honest).message for index in range(200)}) > 150
