"""What becomes of a stream where the cloud dies, or the caller leaves."""

from typing import Any

import openai
import pytest

from edge.testing.scripted_cloud import breaks_off
from edge.testing.scripted_cloud import serving as clouded
from protos.bundle import Bundle
from tests.edge.agent.http.serving import Never, asked, data_url, png, scene, serving

URL = data_url(png(scene()))
SPLIT = "isthmus/split"


def streamed(url: str, **options: Any) -> str:
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
        client.chat.completions.create(model=SPLIT, messages=asked(URL), stream=True, **options) as stream,
    ):
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def own_answer(bundle: Bundle) -> str:
    with serving(bundle) as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        answer = client.chat.completions.create(model="isthmus/local", messages=asked(URL))
        return answer.choices[0].message.content or ""


def test_a_stream_that_cannot_go_on_ends_with_an_error_that_holds_the_answer(bundle: Bundle) -> None:
    with clouded(breaks_off("zebras")) as cloud, serving(bundle, cloud=cloud.address) as server:
        with pytest.raises(openai.APIError, match="the cloud failed in mid-answer") as raised:
            streamed(server.url)
        body = raised.value.body
    assert isinstance(body, dict)
    assert body["code"] == "answer_restarted"
    assert body["answer"] == own_answer(bundle)
    assert body["isthmus"]["route"] == "local"


def test_a_stream_goes_on_where_the_device_says_the_same(bundle: Bundle) -> None:
    own = own_answer(bundle)
    with clouded(breaks_off(own[:1])) as cloud, serving(bundle, cloud=cloud.address) as server:
        assert streamed(server.url) == own


def test_a_caller_that_wants_final_words_gets_the_device_s(bundle: Bundle) -> None:
    with clouded(breaks_off("zebras")) as cloud, serving(bundle, cloud=cloud.address) as server:
        assert streamed(server.url, extra_body={"isthmus": {"stream": "whole"}}) == own_answer(bundle)


def test_an_operator_may_have_final_words_told_only(bundle: Bundle) -> None:
    with (
        clouded(breaks_off("zebras")) as cloud,
        serving(bundle, cloud=cloud.address, stream="whole") as server,
    ):
        assert streamed(server.url) == own_answer(bundle)


def test_a_caller_that_leaves_takes_its_request_back(bundle: Bundle) -> None:
    never = Never()
    with serving(bundle, never) as server:
        with (
            openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=0.5, max_retries=0) as client,
            pytest.raises(openai.APITimeoutError),
        ):
            client.chat.completions.create(model="isthmus/auto", messages=asked(URL))
        server.portal.call(never.cancelled.wait)


def test_a_caller_that_leaves_in_mid_stream_takes_its_request_back(bundle: Bundle) -> None:
    never = Never("a", " red")
    with serving(bundle, never) as server:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            stream = client.chat.completions.create(model="isthmus/auto", messages=asked(URL), stream=True)
            assert [next(stream).choices[0].delta.content for _ in range(3)] == ["", "a", " red"]
            stream.close()
        server.portal.call(never.cancelled.wait)
