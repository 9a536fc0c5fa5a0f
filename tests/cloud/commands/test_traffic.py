"""`isthmus cloud traffic` against a real service."""

import asyncio
import json

import pytest

import isthmus
from cloud.models.tail import Tail
from tests.cloud.calling import Pixels, picture_request
from tests.cloud.control.versions import operated


async def test_a_candidate_is_set_compared_told_and_ended(
    tail: Tail, candidate: Tail, scenes: list[Pixels], capsys: pytest.CaptureFixture[str]
) -> None:
    async with operated(tail, candidate) as service:

        async def traffic(*words: str) -> tuple[int, str, str]:
            here = service.caller.service.address
            status = await asyncio.to_thread(isthmus.main, ["cloud", "traffic", here, *words])
            return status, *capsys.readouterr()

        assert (await traffic())[1] == "there is no rollout; --candidate DIGEST begins one\n"
        begin = ("--candidate", candidate.digest[:12], "--shadow", "100%", "--max-changed", "5%")
        status, told, said = await traffic(*begin, "--json")
        assert status == 0, said
        assert json.loads(told)["bounds"] == {"slowdown": 0.05, "failures": 0.02, "changed": 0.05}
        await service.caller.ask(picture_request(tail.bundle, scenes[0], "what color is it?"))
        while not (await service.traffic()).pairs:
            pass
        status, told, _ = await traffic("--share", "10%", "--auto")
        assert status == 0
        assert (
            f"candidate {candidate.digest[:12]} against {tail.digest[:12]}: hold: too little is known" in told
        )
        assert "recommended to 10% of the devices, as the verdict says; shadowed: 100%" in told
        assert "0 of 1 are another" in told
        assert "1 pairs; 0 more gave way" in told
        assert "generate: " in told
        status, _, said = await traffic("--end", "--share", "10%")
        assert (status, "--end goes alone" in said) == (3, True)
        assert (await traffic("--end"))[1].startswith("there is no rollout")
