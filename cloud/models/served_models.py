"""The models that are served now, by the digests of their bundles."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

from cloud.models.dual_encoder import DualEncoder
from cloud.models.request_bounds import max_request_fields
from cloud.models.tail import Tail
from protos.bundle import ID_BYTES
from protos.errors import RequestError, WrongBundle

ServedModel = Tail | DualEncoder
_MIN_DIGITS = 8  # of a digest, in a command


class ServedModels:
    """Found by every request; loaded and unloaded while the service runs. Belongs to the event loop.

    A model that is withdrawn is found no more; whoever found it before goes on with it.
    """

    def __init__(self, models: Mapping[str, ServedModel]) -> None:
        self._serving = dict(models)
        self._draining: dict[str, ServedModel] = {}
        self._waiting: dict[asyncio.Timeout, str] = {}  # streams between two frames, by the bundle's digest
        self.max_request_fields = self._max_fields()  # of a request for any of them

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._serving.values())

    def __contains__(self, digest: object) -> bool:
        return digest in self._serving

    def __getitem__(self, digest: str) -> ServedModel:
        return self._serving[digest]

    @property
    def draining(self) -> list[ServedModel]:
        return list(self._draining.values())

    def find(self, name: bytes) -> ServedModel:
        """The model that a request names by the first bytes of its bundle's digest. Raises WrongBundle."""
        digest = name.hex()
        named = self._named(digest)
        if len(named) == 1 and len(name) >= ID_BYTES:
            return named[0]
        raise self._wrong(digest)

    def choose(self, digits: str) -> ServedModel:
        """The model that an operator names by the first digits of its bundle's digest. Raises
        RequestError.
        """
        named = self._named(digits.lower()) if len(digits) >= _MIN_DIGITS else []
        if len(named) != 1:
            served = ", ".join(digest[:12] for digest in self._serving)
            raise RequestError(
                f"{digits[:64]!r} is not the digest of one bundle that is served; give {_MIN_DIGITS} "
                f"digits or more of one of: {served}"
            )
        return named[0]

    def add(self, model: ServedModel) -> None:
        """Serve a model from now on."""
        self._serving[model.digest] = model
        self.max_request_fields = self._max_fields()

    def withdraw(self, digest: str) -> ServedModel:
        """Let no request find a model any more, and end the streams that wait for a frame. Raises
        RequestError for the last one: a service without a model is none.
        """
        if len(self._serving) == 1:
            raise RequestError(
                f"{digest[:12]} is the only bundle that is served here; load another one first, or stop the "
                "service"
            )
        model = self._draining[digest] = self._serving.pop(digest)
        self.max_request_fields = self._max_fields()
        for wait, waiting_for in list(self._waiting.items()):
            if waiting_for == digest:
                wait.reschedule(asyncio.get_running_loop().time())
        return model

    def forget(self, digest: str) -> None:
        """Hold a withdrawn model no more: its memory is free once the last request has let go of it."""
        del self._draining[digest]

    @asynccontextmanager
    async def while_served(self, digest: str) -> AsyncIterator[None]:
        """Around a wait for a bundle's next request. Raises WrongBundle once it is withdrawn."""
        if digest not in self._serving:
            raise self._wrong(digest)
        wait = asyncio.timeout(None)
        try:
            async with wait:
                self._waiting[wait] = digest
                yield
        except TimeoutError:
            if not wait.expired():
                raise
            raise self._wrong(digest) from None
        finally:
            self._waiting.pop(wait, None)

    def _max_fields(self) -> int:
        return max(max_request_fields(model.bundle) for model in self)

    def _named(self, digits: str) -> list[ServedModel]:
        return [model for digest, model in self._serving.items() if digest.startswith(digits)]

    def _wrong(self, digest: str) -> WrongBundle:
        served = list(self._serving)
        return WrongBundle(
            f"bundle {digest[:64]!r} is not served here, but {', '.join(served)}: work with one of these, or "
            "serve that bundle as well",
            bundle=digest,
            served=served,
        )
