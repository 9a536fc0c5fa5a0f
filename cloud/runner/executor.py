"""Where the work of the engine's steps is done: the seam between what decides and what computes.

Work is a function of `vision`, `texts` or `sequences`. What it makes of a picture or a prompt is held where
it was made; whoever asked for it has a reference, and lets go of it by forgetting that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Protocol, Self, TypeVar

import torch

from cloud.models.memory import free_bytes
from cloud.models.served_models import ServedModel
from cloud.runner.loading import LoadOptions, load
from protos.bundle import Bundle

WorkP = ParamSpec("WorkP")
ResultT = TypeVar("ResultT")


class Executor(Protocol):
    """Belongs to the event loop; the engine runs inside `with`. Does one piece of work at a time."""

    def run(
        self, work: Callable[WorkP, ResultT], *arguments: WorkP.args, **options: WorkP.kwargs
    ) -> Awaitable[ResultT]:
        """Do a piece of work. Raises what it raises, and ModelLost where it broke off."""

    async def load(self, bundle: Bundle, options: LoadOptions, held: int) -> ServedModel:
        """As `loading.load`, beside the work. One bundle at a time."""

    async def free_bytes(self, device: torch.device) -> int:
        """Memory that a further model may take there."""

    async def unloaded(self) -> None:
        """Free the memory of a model that nobody has a reference to any more."""

    def tell(self, lost: Callable[[str], None], restored: Callable[[], None]) -> None:
        """Call `lost`, with why, when all that was held is lost, and `restored` when work is done again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ThreadExecutor:
    """In a thread of this process; loads in another one."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        # one load that is cancelled goes on to its end, and only then the next begins
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._worker.shutdown()

    async def run(self, work: Callable[WorkP, ResultT], *arguments: WorkP.args, **_: WorkP.kwargs) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *arguments)

    async def load(self, bundle: Bundle, options: LoadOptions, held: int) -> ServedModel:
        return await asyncio.get_running_loop().run_in_executor(self._loader, load, bundle, options, held)

    async def free_bytes(self, device: torch.device) -> int:
        return free_bytes(device)

    def tell(self, lost: Callable[[str], None], restored: Callable[[], None]) -> None:
        """It ends with the service."""

    async def unloaded(self) -> None:
        """Behind all other work: until the thread takes the next piece, it may refer to a model."""
        await self.run(_free_cached)


def _free_cached() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
