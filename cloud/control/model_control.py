"""Bundles loaded, unloaded and listed while the service answers."""

import asyncio
import logging

from cloud.config import ServeConfig
from cloud.engine.held_jobs import HeldJobs
from cloud.models.bundle_folder import BundleFolder
from cloud.models.memory import MemoryBudget
from cloud.models.request_bounds import max_request_bytes
from cloud.models.served_models import ServedModel, ServedModels
from cloud.runner.executor import Executor
from cloud.runner.loading import LoadOptions
from protos import admin_pb2 as ap
from protos.bundle import Bundle
from protos.errors import RequestError, WrongBundle
from protos.terminal.units import format_size

_log = logging.getLogger(__name__)


class ModelControl:
    """Loads one bundle at a time, beside the models that answer. Belongs to the event loop."""

    def __init__(
        self, models: ServedModels, held: HeldJobs, executor: Executor, config: ServeConfig, max_request: int
    ) -> None:
        """`max_request`: bytes of the longest request that the server reads."""
        self._models, self._held, self._max_request = models, held, max_request
        self._executor = executor
        self._options = LoadOptions(
            config.device, config.dtype, config.threads, config.compile, config.memory_limit
        )
        self._folder, self._budget = BundleFolder(config.bundle_folder), MemoryBudget(config.memory_limit)
        self._loading = asyncio.Lock()

    async def load(self, name: str) -> ap.Model:
        """Load a bundle of the folder, by its name there or its digest, and serve it; one that is served is
        left as it is. Raises RequestError for one that is not there or cannot be served beside the others,
        BundleError for one that is damaged or finds no room, CheckpointError.
        """
        bundle = await asyncio.to_thread(self._folder.find, name)
        async with self._loading:
            if bundle.digest not in self._models:
                self._check(bundle)
                model = await self._executor.load(bundle, self._options, self._weights())
                self._models.add(model)
                _log.warning("serves %s (%s) from now on", model.digest[:12], bundle.manifest.model)
        return self._described(self._models[bundle.digest], ap.Model.SERVING)

    async def unload(self, digits: str, drain: float) -> ap.UnloadReply:
        """Serve a bundle no longer; requests that were begun have so many seconds. Raises RequestError for
        one that is not served, or the last.
        """
        digest = self._models.choose(digits).digest
        self._models.withdraw(digest)
        _log.warning("unloads %s: what was begun has %g s", digest[:12], drain)
        try:
            unfinished = await self._drained(digest, drain)
        finally:
            self._models.forget(digest)
        await self._executor.unloaded()
        return ap.UnloadReply(digest=digest, unfinished=unfinished)

    async def listed(self) -> ap.ModelsReply:
        """The models that are loaded, then those of the folder that may be."""
        loaded = [
            *(self._described(model, ap.Model.SERVING) for model in self._models),
            *(self._described(model, ap.Model.DRAINING) for model in self._models.draining),
        ]
        bundles = await asyncio.to_thread(self._folder.bundles)
        folders = {bundle.digest: bundle.path.name for bundle in bundles}
        for model in loaded:
            model.folder = folders.pop(model.digest, "")
        available = [
            ap.Model(
                digest=bundle.digest,
                model=bundle.manifest.model,
                state=ap.Model.AVAILABLE,
                folder=folders.pop(bundle.digest),
            )
            for bundle in bundles
            if bundle.digest in folders
        ]
        free = await self._executor.free_bytes(next(iter(self._models)).placement.device)
        free = self._budget.left(free, self._weights())
        return ap.ModelsReply(models=[*loaded, *available], free_bytes=free)

    async def _drained(self, digest: str, seconds: float) -> int:
        """How many requests had to be ended."""
        try:
            async with asyncio.timeout(seconds):
                await self._held.none_of(digest)
        except TimeoutError:
            unfinished = self._held.of(digest)
            for job in unfinished:
                job.fail(
                    WrongBundle(f"bundle {digest[:12]} was unloaded before this was answered; ask again")
                )
            return len(unfinished)
        return 0

    def _check(self, bundle: Bundle) -> None:
        """Raises RequestError for a bundle that cannot be served beside the others."""
        if any(model.digest == bundle.digest for model in self._models.draining):
            raise RequestError(
                f"{bundle.path.name} is being unloaded; load it again when that is over", bundle=bundle.digest
            )
        longest = max_request_bytes(bundle)
        if longest > self._max_request:
            raise RequestError(
                f"requests for {bundle.path.name} may have {format_size(longest)}, and this service reads "
                f"{format_size(self._max_request)} at most; start it with --max-request "
                f"{format_size(longest)} or more",
                bundle=bundle.digest,
            )

    def _weights(self) -> int:
        return sum(model.weight_bytes for model in (*self._models, *self._models.draining))

    def _described(self, model: ServedModel, state: ap.Model.State) -> ap.Model:
        return ap.Model(
            digest=model.digest,
            model=model.bundle.manifest.model,
            state=state,
            device=model.placement.device_name,
            dtype=model.placement.dtype_name,
            weight_bytes=model.weight_bytes,
            unfinished=len(self._held.of(model.digest)),
        )
