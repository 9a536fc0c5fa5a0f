"""One attack, in a process of its own.

python -m bench.attack.attacking NAME ADDRESS BUNDLE REQUEST SECONDS

REQUEST is a file with a request that is right. Prints two JSON values, a line each: true when the attack
begins, and at its end what the service did about it, counted.
"""

import asyncio
import resource
import sys
from contextlib import suppress
from pathlib import Path

from bench.attack.attacker import Attacker, Got, Target
from bench.attack.registry import attackers
from bench.rig import child
from protos import inference_pb2 as ip
from protos.bundle import Bundle


def main(name: str, address: str, bundle: Path, request: Path, seconds: float) -> None:
    """Attack for so long."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection takes a file
    right = ip.InferRequest.FromString(request.read_bytes())
    attacker = attackers()[name](Target(address, Bundle.open(bundle).manifest, right))
    child.emit(value=True)
    got = Got()
    asyncio.run(_attack(attacker, got, seconds))
    child.emit(got)


async def _attack(attacker: Attacker, got: Got, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await attacker.attack(got)


if __name__ == "__main__":
    child.run(
        lambda: main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5]))
    )
