"""`POST /v1/push/{source}`: a picture that a program beside the agent hands to a source."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from edge.agent.http.guard.bodies import Bodies
from edge.agent.http.pictures.opening import Pictures
from edge.pictures.resampling import Picture
from protos.errors import UnknownName
from protos.http.refusals import BUSY, NOT_FOUND, Refused


class PushedPictures(Protocol):
    """The seam: the sources that pictures are pushed to."""

    def push(self, source: str, picture: Picture) -> bool:
        """False where as many wait as may. Raises UnknownName where no such source takes pictures."""


class NoPushes:
    """There are no such sources."""

    def push(self, source: str, picture: Picture) -> bool:  # noqa: ARG002 - as the seam has it
        raise UnknownName("source that pictures are pushed to", source, [])


class Pushes:
    """The body is the file, of any kind that is read here; the answer is 202: it waits to be asked about."""

    def __init__(self, pushed: PushedPictures, pictures: Pictures, bodies: Bodies) -> None:
        self._pushed, self._pictures, self._bodies = pushed, pictures, bodies

    async def push(self, request: Request) -> Response:
        """Raises Refused, PictureError."""
        async with self._bodies.read(request) as body:
            picture = await self._pictures.decode(bytes(body))
        try:
            taken = self._pushed.push(request.path_params["source"], picture)
        except UnknownName as error:
            raise Refused(NOT_FOUND, str(error), "source") from error
        if not taken:
            raise Refused(BUSY, "pictures of this source wait already; push it again later", retry_seconds=1)
        return Response(status_code=202)
