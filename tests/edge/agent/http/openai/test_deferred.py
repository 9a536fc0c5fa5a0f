"""Questions that cannot be answered now wait, and their answers are fetched later."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from edge.agent.observing.asking import SharedOrchestrator
from edge.agent.outbox.entries import Outcome
from edge.agent.outbox.keeping import Keeper
from edge.agent.outbox.outbox import Outbox
from edge.requests.orchestrator import Orchestrator
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from tests.edge.agent.http.serving import MODEL, PATIENCE_SECONDS, asked, data_url, png, scene, serving
from tests.edge.agent.outbox.entries import Wall, outbox

CHAT = "/v1/chat/completions"
URL = data_url(png(scene()))


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def kept(tmp_path: Path, wall: Wall) -> Iterator[Outbox]:
    with closing(outbox(tmp_path, wall=wall)) as opened:
        yield opened


@pytest.fixture
def client(bundle: Bundle, kept: Outbox, wall: Wall) -> Iterator[httpx.Client]:
    """Of a device that has no cloud now, and may not answer alone."""
    building = SharedOrchestrator(Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle)))
    keeper = Keeper(kept, building, lambda: None, wall)
    with (
        serving(bundle, rules=Rules(allow_local=False), deferring=keeper) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


def ask(client: httpx.Client, **changes: Any) -> httpx.Response:
    body = {"model": MODEL, "messages": asked(URL), "isthmus": {"defer": "1h"}} | changes
    return client.post(CHAT, json=body)


def settle(kept: Outbox, reason: "pb.Done.Reason" = pb.Done.STOP, **outcome: Any) -> None:
    entry = kept.next()
    assert entry
    done = pb.Done(tokens=2, reason=reason).SerializeToString()
    kept.settle(Outcome(entry.key, entry.note, done=done, request_bytes=500, **outcome))


def test_a_question_waits_until_it_is_answered(client: httpx.Client, kept: Outbox) -> None:
    first = ask(client)
    place = first.headers["location"]
    assert first.status_code == 202
    assert place == f"/v1/deferred/{first.json()['id']}"
    assert client.get(place).json() == first.json()
    assert client.get(place).status_code == 202
    settle(kept, text="a red square")
    then = client.get(place)
    assert then.status_code == 200
    found = openai.types.chat.ChatCompletion.model_validate(then.json())
    assert (found.id, found.choices[0].message.content) == (first.json()["id"], "a red square")
    assert found.choices[0].finish_reason == "stop"
    assert then.json()["isthmus"]["bytes_up"] == 500


def test_an_answer_that_was_cut_off_says_so(client: httpx.Client, kept: Outbox) -> None:
    place = ask(client).headers["location"]
    settle(kept, pb.Done.LENGTH, text="a red")
    assert client.get(place).json()["choices"][0]["finish_reason"] == "length"


def test_openai_s_client_takes_a_question_that_waits_for_no_error(client: httpx.Client) -> None:
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none") as caller:
        got = caller.chat.completions.create(
            model=MODEL, messages=asked(URL), extra_body={"isthmus": {"defer": "1h"}}
        )
    assert got.choices == []
    assert client.get(f"/v1/deferred/{got.id}").status_code == 202


def test_one_that_was_dropped_says_why(client: httpx.Client, kept: Outbox, wall: Wall) -> None:
    place = ask(client).headers["location"]
    wall.now += 3601
    kept.drop_due()
    gone = client.get(place)
    assert gone.status_code == 410
    assert gone.json()["error"]["code"] == "deferred_dropped"
    assert "before it was due" in gone.json()["error"]["message"]


def test_without_defer_it_fails_as_ever(client: httpx.Client, kept: Outbox) -> None:
    assert ask(client, isthmus={}).status_code == 400
    assert kept.backlog().waiting == 0


@pytest.mark.parametrize("identity", ["00" * 16, "no-id"])
def test_one_that_is_not_known_is_not_found(client: httpx.Client, identity: str) -> None:
    reply = client.get(f"/v1/deferred/{identity}")
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stream": True}, "a stream cannot be deferred"),
        ({"isthmus": {"defer": "2h"}}, "7200s is not kept so long; give up to outbox.age, 3600s"),
        ({"isthmus": {"defer": "soon"}}, "'soon' is not a time"),
    ],
)
def test_what_cannot_be_deferred_is_refused(
    client: httpx.Client, changes: dict[str, Any], words: str
) -> None:
    reply = ask(client, **changes)
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]


def test_where_there_is_no_outbox_nothing_is_deferred(bundle: Bundle) -> None:
    with serving(bundle) as server, httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        refused, unknown = ask(client), client.get("/v1/deferred/00")
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "isthmus.defer"
    assert "no [outbox] and [cloud]" in refused.json()["error"]["message"]
    assert unknown.status_code == 404
