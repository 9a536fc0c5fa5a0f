"""Rollouts that are done, in the cache folder: a run that is interrupted goes on where it stopped."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

import bench.fleet
import cloud.fleet.rollout
import cloud.rollout
from bench.fleet.cases import Change
from bench.fleet.measure import Ended, Fleets
from cloud.fleet.rollout.state import RolloutStatus
from protos.config import cache_folder

_CODE = (bench.fleet, cloud.fleet.rollout, cloud.rollout)  # that a rollout depends on


class KeptRollouts:
    """Of these changes, in fleets of this size and seed, by this code."""

    def __init__(self, chosen: Sequence[Change], fleets: Fleets) -> None:
        changes = [asdict(change) for change in chosen]
        recipe = json.dumps([changes, fleets.devices, fleets.seed, np.__version__, _code()])
        digest = hashlib.sha256(recipe.encode()).hexdigest()
        self._file = cache_folder() / "bench" / f"fleet-rollouts-{digest[:16]}.jsonl"

    def read(self) -> dict[int, list[Ended]]:
        """By the number of their fleet."""
        found: dict[int, list[Ended]] = {}
        if not self._file.exists():
            return found
        for line in self._file.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # the last line of a run that was killed
                number, ended = json.loads(line)
                found[number] = [Ended(RolloutStatus(status), share, hours) for status, share, hours in ended]
        return found

    def add(self, number: int, ended: Sequence[Ended]) -> None:
        """What became of the rollouts in a fleet."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        told = [(one.status.value, one.share, one.hours) for one in ended]
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([number, told]) + "\n")


def _code() -> str:
    found = hashlib.sha256()
    for package in _CODE:
        for file in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()
