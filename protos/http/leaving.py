"""A caller that hangs up takes its request back."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from starlette.types import Receive

_Done = TypeVar("_Done")


async def unless_gone(
    receive: Receive, work: Callable[[], Awaitable[_Done]], is_read: anyio.Event | None = None
) -> _Done | None:
    """What the work gives; where the caller hangs up, the work is cancelled, and this is None. To be called
    once the request's body is read, or with what the work sets then. Raises what the work raises.
    """
    found, failed = None, None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_watch, receive, tasks.cancel_scope, is_read, name="watch for the caller's leaving")
        try:
            found = await work()
        except Exception as error:  # noqa: BLE001 - raised again outside, where no group wraps it
            failed = error
        tasks.cancel_scope.cancel()
    if failed:
        raise failed
    return found


async def _watch(receive: Receive, scope: anyio.CancelScope, is_read: anyio.Event | None) -> None:
    if is_read:
        await is_read.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
