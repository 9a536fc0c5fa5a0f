"""What device and controller do alike over a connection to a broker."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from protos.errors import CloudError

if TYPE_CHECKING:
    import aiomqtt

_REFUSED = 128  # and all above


async def until_lost(parts: Sequence[Callable[[], Awaitable[None]]], name: str) -> None:
    """What is done over a connection, each as a task. Raises CloudError when it is lost, as a part does."""
    import aiomqtt

    failed = list[CloudError]()

    async def guarded(part: Callable[[], Awaitable[None]]) -> None:
        try:
            await part()
        except CloudError as error:
            failed.append(error)
        except aiomqtt.MqttError as error:
            failed.append(CloudError(f"the connection is lost: {error}"))
        else:
            return
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for part in parts:
            tasks.start_soon(guarded, part, name=f"{name} {getattr(part, '__name__', '')}")
    if failed:
        raise failed[0]


async def subscribe(client: "aiomqtt.Client", topics: Sequence[str], who: str) -> None:
    """Raises CloudError where the broker does not let its caller hear one."""
    codes: Sequence[Any] = await client.subscribe([(topic, 1) for topic in topics])
    for topic, code in zip(topics, codes, strict=True):
        if getattr(code, "value", code) >= _REFUSED:
            raise CloudError(f"the broker does not let {who} hear {topic}; allow it in its ACL")
