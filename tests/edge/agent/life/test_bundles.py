"""A running agent takes another bundle, and keeps the old one where that fails."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from edge.agent.assembly.trying import OpenedModels
from edge.agent.config.reading import settings_of
from edge.agent.life.bundles import Bundles
from edge.agent.status.agent_status import AgentStatus
from edge.testing.scripted_cloud import says, serving
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.errors import CloudError, IsthmusError, NoRoute, WrongBundle
from tests.edge.agent.life.process import Setting, send
from tests.edge.agent.update.archives import ArchiveServer, another, archive_server, packed, unusable

PATH = "/edge.tar"


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with archive_server() as found:
        yield found


@pytest.fixture
def setting(tmp_path: Path, bundle_path: Path) -> Iterator[Setting]:
    found = Setting(tmp_path, bundle_path)
    yield found
    found.end()


@pytest.fixture
def newer(bundle_path: Path, tmp_path: Path) -> Bundle:
    return another(bundle_path, tmp_path / "newer")


def test_it_takes_what_the_settings_name_while_it_answers_and_opens_it_again(
    setting: Setting, server: ArchiveServer, newer: Bundle, tmp_path: Path
) -> None:
    server.files[f"/{newer.digest}.tar"] = packed(newer, tmp_path)
    server.breaks = [500_000]
    setting.write(setting.folder_source())
    setting.put("a.png")
    agent = setting.run()
    first = agent.answer()
    update = f'url = "{server.url}/{{digest}}.tar"\ndigest = "{newer.digest}"'
    setting.write(setting.folder_source(), update=update)
    send(agent, signal.SIGHUP)
    agent.says("127.0.0.1 broke off")
    agent.says(f"bundle {newer.digest[:12]} takes the place of")
    setting.put("b.png")
    assert agent.answer()["answer"] == first["answer"]
    agent.says(f"bundle {newer.digest[:12]} answers and is kept")
    assert [status for _, _, status in server.asked] == [200, 206]
    send(agent, signal.SIGTERM)
    assert agent.ends() == 0
    again = setting.run()
    setting.put("c.png")
    again.answer()
    send(again, signal.SIGTERM)
    assert again.ends() == 0
    assert len(server.asked) == 2
    assert (setting.cache / "times" / f"{newer.digest[:12]}-1-auto.json").exists()


def test_it_takes_what_the_cloud_serves(
    setting: Setting, server: ArchiveServer, newer: Bundle, tmp_path: Path
) -> None:
    server.files[f"/{newer.digest}.tar"] = packed(newer, tmp_path)
    with serving(says("a")) as cloud:
        served = pb.Served(digest=newer.digest, model=newer.manifest.model)
        cloud.description = pb.DescribeReply(bundles=[served])
        update = f'url = "{server.url}/{{digest}}.tar"\n[cloud]\naddress = "{cloud.address}"'
        setting.write(setting.folder_source(), update=update)
        agent = setting.run()
        agent.says(f"bundle {newer.digest[:12]} takes the place of")
        setting.put("a.png")
        agent.answer()
        agent.says("answers and is kept")
        send(agent, signal.SIGTERM)
        assert agent.ends() == 0


def test_one_that_cannot_be_opened_leaves_the_old_one(
    setting: Setting, server: ArchiveServer, bundle_path: Path, newer: Bundle, tmp_path: Path
) -> None:
    bad = unusable(bundle_path, tmp_path / "bad")
    server.files[PATH] = packed(bad, tmp_path)
    setting.write(setting.folder_source(), update=f'url = "{server.url}{PATH}"\nevery = "1s"')
    agent = setting.run()
    assert "is not an ONNX file that can be run" in agent.says("stays open")
    setting.put("a.png")
    agent.answer()
    server.files[PATH] = packed(newer, tmp_path)
    agent.says(f"bundle {newer.digest[:12]} takes the place of")
    setting.put("b.png")
    agent.answer()
    agent.says("answers and is kept")
    assert not (setting.cache / "fetched" / bad.digest).exists()


def test_one_that_is_not_the_one_wanted_is_refused(
    setting: Setting, server: ArchiveServer, newer: Bundle, tmp_path: Path
) -> None:
    server.files[PATH] = packed(newer, tmp_path)
    wanted = "1" * 64
    setting.write(setting.folder_source(), update=f'url = "{server.url}{PATH}"\ndigest = "{wanted}"')
    agent = setting.run()
    assert f"it holds bundle {newer.digest[:12]}, not 111111111111" in agent.says("stays open")
    setting.put("a.png")
    agent.answer()


def test_what_was_tried_when_the_agent_died_is_not_tried_at_once(
    setting: Setting, server: ArchiveServer, newer: Bundle, tmp_path: Path
) -> None:
    server.files[PATH] = packed(newer, tmp_path)
    setting.write(setting.folder_source(), update=f'url = "{server.url}{PATH}"\ndigest = "{newer.digest}"')
    agent = setting.run()
    agent.says("takes the place of")  # and nothing is asked of it before it is killed
    agent.says("watches 1 sources")
    agent.process.kill()
    agent.ends()
    again = setting.run()
    again.says(f"ended while it tried bundle {newer.digest[:12]}")
    setting.put("a.png")
    again.answer()


@pytest.mark.parametrize(
    "error",
    [WrongBundle("it serves another"), NoRoute("the cloud serves another, and the device has no model")],
)
@pytest.mark.asyncio
async def test_one_that_answers_no_question_is_given_up(
    error: IsthmusError,
    server: ArchiveServer,
    bundle: Bundle,
    newer: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    server.files[PATH] = packed(newer, tmp_path)
    table = {
        "bundle": str(bundle.path),
        "source": [{"kind": "push", "name": "app"}],
        "update": {"url": server.url + PATH, "digest": newer.digest},
    }
    with serving(says("a")) as cloud:
        served = pb.Served(digest=bundle.digest, model=newer.manifest.model)
        cloud.description = pb.DescribeReply(bundles=[served])
        table["cloud"] = {"address": cloud.address}
        await gives_up(table, error, bundle, newer)


async def gives_up(table: dict[str, Any], error: IsthmusError, bundle: Bundle, newer: Bundle) -> None:
    """A bundle is taken, its questions end in this error, and the one before it is opened again."""
    status = AgentStatus()
    bundles = Bundles(settings_of(table), status)
    before = await bundles.open()
    swapped = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bundles.run, before.models, swapped.set)
        await swapped.wait()
        tasks.cancel_scope.cancel()
    before.close()
    taken = bundles.taken()
    assert taken
    assert taken.models.key.bundle == newer.digest
    await fails_on_trial(bundles, taken, status, error)
    taken.close()
    back = bundles.taken()
    assert back
    assert back.models.key.bundle == bundle.digest
    assert not bundles.on_trial
    back.close()


async def fails_on_trial(
    bundles: Bundles, taken: OpenedModels, status: AgentStatus, error: IsthmusError
) -> None:
    given_up = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bundles.run, taken.models, given_up.set)
        while not given_up.is_set():
            status.source("app").failed(CloudError("gone"))
            status.source("app").failed(error)
            await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
