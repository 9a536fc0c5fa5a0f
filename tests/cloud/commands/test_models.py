"""`isthmus cloud models`, `load` and `unload` against a real service."""

import asyncio
import json
from pathlib import Path

import pytest

import isthmus
from cloud.models.tail import Tail
from protos.bundle import Bundle
from tests.cloud.calling import calling


async def test_a_bundle_is_listed_loaded_and_unloaded(
    endless: Tail, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nano").symlink_to(bundle.path)

    async with calling(endless, bundle_folder=tmp_path) as caller:

        async def cloud(*words: str) -> tuple[int, str, str]:
            status = await asyncio.to_thread(isthmus.main, ["cloud", *words])
            return status, *capsys.readouterr()

        here = caller.service.address
        status, told, _ = await cloud("models", here)
        assert status == 0
        assert f"{endless.digest[:12]} │ endless │ serving" in told
        assert f"{bundle.digest[:12]} │ nano    │ not" in told
        assert "of memory are free" in told
        status, told, _ = await cloud("load", here, "nano")
        assert (status, told.split(" is served on ")[0]) == (0, f"{bundle.digest[:12]} (nano)")
        status, told, _ = await cloud("models", here, "--json")
        assert [one["state"] for one in json.loads(told)["models"]] == ["SERVING", "SERVING"]
        status, told, _ = await cloud("unload", here, bundle.digest[:12], "--json")
        assert (status, json.loads(told)) == (0, {"digest": bundle.digest, "unfinished": 0})
        status, _, said = await cloud("unload", here, bundle.digest[:12])
        assert status == 3
        assert "is not the digest of one bundle that is served" in said
