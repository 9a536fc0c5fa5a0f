"""What cannot be answered now is kept in the form that the rules allow, and nothing else is."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.agent.observing.asking import SharedOrchestrator
from edge.agent.observing.deferral import Asked, Subject
from edge.agent.outbox.keeping import Keeper
from edge.agent.outbox.limits import Limits
from edge.agent.outbox.outbox import Outbox
from edge.pictures.resampling import Picture
from edge.requests.orchestrator import Orchestrator
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import CloudError, IsthmusError, NoRoute, PromptError
from tests.edge.agent.outbox.entries import NOW, Wall, outbox

PICTURE: Picture = np.random.default_rng(5).integers(0, 256, (96, 160, 3), dtype=np.uint8)
LOST = CloudError("the cloud did not answer")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Outbox]:
    with closing(outbox(tmp_path)) as opened:
        yield opened


def keeper(bundle: Bundle, kept: Outbox) -> Keeper:
    orchestrator = Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle))
    return Keeper(kept, SharedOrchestrator(orchestrator), lambda: None, Wall())


def asked(rules: Rules = Rules()) -> Asked:  # noqa: B008
    return Asked(PICTURE, "describe the image", rules, Weights(), 60_000, subject=Subject("camera"))


def stored(kept: Outbox) -> pb.InferRequest:
    entry = kept.next()
    assert entry
    assert entry.note.due == NOW + 60
    return pb.InferRequest.FromString(entry.request)


async def test_a_question_is_kept_as_it_will_be_sent(bundle: Bundle, kept: Outbox) -> None:
    identity = await keeper(bundle, kept).defer(asked(Rules(route="upload")), LOST)
    sent = stored(kept)
    assert (sent.id, sent.bundle, sent.question) == (identity, bundle.id, "describe the image")
    assert sent.picture.data
    assert len(sent.client_secret) == 16


async def test_what_may_not_be_uploaded_lies_there_as_features(bundle: Bundle, kept: Outbox) -> None:
    await keeper(bundle, kept).defer(asked(Rules(never_upload=True)), NoRoute("no arm"))
    sent = stored(kept)
    assert sent.WhichOneof("input") == "features"
    assert not sent.features.reference  # the cloud may have forgotten all by then


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        (Rules(never_leave_device=True), LOST),
        (Rules(route="local"), LOST),
        (Rules(), PromptError("the question is empty")),
    ],
)
async def test_what_waiting_does_not_help_is_not_kept(
    rules: Rules, error: IsthmusError, bundle: Bundle, kept: Outbox
) -> None:
    with pytest.raises(type(error), match=str(error)):
        await keeper(bundle, kept).defer(asked(rules), error)
    assert kept.next() is None


async def test_a_refusal_gives_the_callers_own_error_back(bundle: Bundle, tmp_path: Path) -> None:
    with closing(outbox(tmp_path, Limits(4 << 20, 1000))) as worn:
        with pytest.raises(CloudError, match="the cloud did not answer"):
            await keeper(bundle, worn).defer(asked(), LOST)
        assert worn.counts == {"refused": 1}
