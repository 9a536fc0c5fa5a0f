"""Another bundle beside the one that answers: which one a cloud serves, and whether it answers here."""

from contextlib import ExitStack, suppress

import anyio.to_thread
import numpy as np

from edge.agent.assembly.models import Models, open_models
from edge.agent.config.settings import AgentSettings
from edge.agent.settings.update import is_digest
from edge.requests.turn import Priority
from protos.arms.rules import Rules
from protos.errors import BundleError, IsthmusError, NoRoute

_DESCRIBE_SECONDS = 10.0
_QUESTION = "describe the image"
_SIDE = 224
_GREY = 127


class OpenedModels:
    """Models, and what closes them."""

    def __init__(self, settings: AgentSettings) -> None:
        """Raises as `open_models`."""
        with ExitStack() as stack:
            self.models = stack.enter_context(open_models(settings))
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Nothing is asked of them any more."""
        self._stack.close()


async def open_tried(settings: AgentSettings) -> OpenedModels:
    """Models that have answered a question about a grey picture on this device, as far as they can. Raises
    IsthmusError, whatever went wrong.
    """
    try:
        return await anyio.to_thread.run_sync(_open_tried, settings)
    except IsthmusError:
        raise
    except Exception as error:  # a model may fail in any way
        raise BundleError(
            f"bundle {settings.bundle} does not answer here ({type(error).__name__}: {error}); split it for "
            "what this device has"
        ) from error


async def served_bundle(models: Models) -> str:
    """The digest of a bundle of the same model that a cloud serves: one that a cloud recommends, else the
    open one wherever that is served, else any; empty where no cloud answers, or none serves one.
    """
    client, bundle = models.client, models.orchestrator.bundle
    if not client:
        return ""
    replies = await anyio.to_thread.run_sync(client.describe, _DESCRIBE_SECONDS)
    same = [one for reply in replies for one in reply.bundles if one.model == bundle.manifest.model]
    served = [one for one in same if is_digest(one.digest)]
    digests = [one.digest for one in served if one.recommended] or [one.digest for one in served]
    return bundle.digest if bundle.digest in digests else next(iter(digests), "")


def _open_tried(settings: AgentSettings) -> OpenedModels:
    opened = OpenedModels(settings)
    try:
        _ask(opened.models)
    except BaseException:
        opened.close()
        raise
    return opened


def _ask(models: Models) -> None:
    """Run the head to its end, and what answers on the device, if anything does."""
    orchestrator = models.orchestrator
    view = orchestrator.view(np.full((_SIDE, _SIDE, 3), _GREY, np.uint8), priority=Priority.STANDING)
    view.features(orchestrator.bundle.manifest.pieces[-1].cut)
    with suppress(NoRoute):
        orchestrator.answer(view, _QUESTION, Rules(never_leave_device=True), priority=Priority.STANDING)
