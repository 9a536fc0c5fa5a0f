"""The agent in one process."""

from pathlib import Path

import anyio
import pytest

from edge import config
from edge.agent.assembly.agent import run_agent
from edge.agent.assembly.kept import KeptParts
from edge.agent.assembly.models import open_models
from edge.agent.config.reading import settings_of
from protos.bundle import Bundle


@pytest.mark.asyncio
async def test_what_was_learned_is_saved_while_it_runs(
    bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("edge.requests.opening.SAVE_SECONDS", 0.01)
    settings = settings_of({"bundle": str(bundle_path), "source": [{"kind": "push", "name": "app"}]})
    times = config.times_file(Bundle.open(bundle_path).digest, 1, settings.provider)
    assert times
    with open_models(settings) as models:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run_agent, settings, models, KeptParts(), [])
            while not times.exists():  # noqa: ASYNC110 - a file tells no event
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
