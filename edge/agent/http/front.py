"""What applications reach while the agent lives: one server, whose application changes with the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup, TaskStatus

from edge.agent.http.settings import OPTION, HttpSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from edge.agent.http.handover import Handover
    from protos.http.server import HttpServer


@dataclass(frozen=True)
class Application:
    """`leave` is called when it gets no more requests: replies that have no end are to end then."""

    app: "ASGIApp"
    leave: Callable[[], None]


class HttpFront:
    """One for a process. Its socket is bound once, and anew only where the settings name another address, so
    that nobody is refused or hung up on while settings are read again or another bundle is taken. What
    serves is loaded when there is something to serve.
    """

    def __init__(self) -> None:
        self._handover: Handover | None = None
        self._server: HttpServer | None = None
        self._tasks: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """What listens, until cancelled."""
        async with anyio.create_task_group() as self._tasks:
            task_status.started()
            try:
                await anyio.sleep_forever()
            finally:
                self.close()

    async def serve(
        self,
        http: HttpSettings,
        application: Application,
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Have an application answer, until cancelled. Raises RequestError for an address that is taken."""
        handover = await self._listen(http)
        async with handover.serving(application.app, application.leave):
            task_status.started()
            await anyio.sleep_forever()

    async def drain(self) -> None:
        """What comes waits for the next application; returns once what is under way is answered."""
        if self._handover:
            await self._handover.drain()

    def check(self, http: HttpSettings) -> None:
        """Raises RequestError for an address that cannot be bound now, unless it is this one's own port."""
        from protos.http.server import check_free

        if self._server is None or self._server.address[1] != http.address[1]:
            check_free(http.address, OPTION)

    def stop(self) -> None:
        """Listen no more, until the next application."""
        if self._server:
            self._server.stop()
        self._server = None

    def close(self) -> None:
        """The agent ends: what is under way is answered, and nothing else."""
        if self._handover:
            self._handover.close()
        self.stop()

    async def _listen(self, http: HttpSettings) -> "Handover":
        from edge.agent.http.handover import Handover
        from protos.http.server import HttpServer

        assert self._tasks, "`run` comes first"
        self._handover = self._handover or Handover()
        if self._server is None or self._server.address != http.address:
            self.stop()
            server = HttpServer(self._handover, http.address, http.max_connections, option=OPTION)
            await self._tasks.start(server.run, name="serve HTTP")
            self._server = server
        self._server.limit(http.max_connections)
        return self._handover
