"""An agent's streams to its cloud: opened when a frame comes, closed when nothing more is asked."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.testing.scripted_cloud import Context, ScriptedCloud, says, serving
from protos import inference_pb2 as pb
from tests.edge.agent.life.process import PATIENCE, Setting, send

RULES = 'rules = { local = false, route = "split@connector/fitted-4" }'


def answers(frame: pb.WatchRequest, _: Context) -> Iterator[pb.WatchReply]:
    done = pb.Done(reason=pb.Done.STOP, tokens=1)
    yield pb.WatchReply(sequence=frame.sequence, text=f"frame {frame.sequence}", done=done)


@pytest.fixture
def cloud() -> Iterator[ScriptedCloud]:
    with serving(says("a request")) as found:
        found.watch_script = answers
        yield found


@pytest.fixture
def setting(tmp_path: Path, bundle_path: Path) -> Iterator[Setting]:
    found = Setting(tmp_path, bundle_path)
    yield found
    found.end()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_stream_ends_with_a_reload_and_with_the_agent(setting: Setting, cloud: ScriptedCloud) -> None:
    setting.write(setting.folder_source(more=RULES), head=f'[cloud]\naddress = "{cloud.address}"\n')
    for seed in (77, 78, 79):
        setting.put(f"{seed}.png", seed)
    agent = setting.run()
    assert [agent.answer()["answer"] for _ in range(3)] == ["frame 1", "frame 2", "frame 3"]
    assert (len(cloud.openings), cloud.closings) == (1, 0)
    send(agent, signal.SIGHUP)
    agent.says("is read again")
    until(lambda: cloud.closings == 1)
    setting.put("80.png", 80)
    assert agent.answer()["answer"] == "frame 1"
    send(agent, signal.SIGTERM)
    assert agent.ends() == 0
    until(lambda: cloud.closings == 2)
    assert not cloud.requests
