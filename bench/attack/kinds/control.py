"""No attack at all: what the same machine's other work costs the honest."""

import asyncio
import time

from bench.attack.attacker import Attacker, CallingAttacker, Got

_TURN = 0.01  # seconds


class SpinningNeighbour(Attacker):
    """What an attacker costs by its own arithmetic, where the service has to share the cores with it."""

    name = "spinning-neighbour"
    words = "nothing: a process beside the service that keeps one core busy"

    async def attack(self, got: Got) -> None:
        while True:
            until = time.monotonic() + _TURN
            while time.monotonic() < until:
                pass
            got["turns"] += 1
            await asyncio.sleep(0)


class HonestNeighbours(CallingAttacker):
    """What honest devices cost one another."""

    name = "honest-neighbours"
    words = "15 devices that ask as the honest one does"
    at_once = 15

    def message(self) -> bytes:
        return self.target.altered()
