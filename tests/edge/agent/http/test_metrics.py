"""What was answered is counted, as Prometheus reads it; whether the agent lives is told beside it."""

import httpx
from prometheus_client.parser import text_string_to_metric_families as parsed

from edge.agent.http.live.parts import parts
from edge.testing.scripted_cloud import says
from edge.testing.scripted_cloud import serving as clouded
from protos.bundle import Bundle
from protos.costs.estimates import LinkEstimate
from tests.edge.agent.http.serving import PATIENCE_SECONDS, asked, data_url, png, scene, serving


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by name and by the values of the labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in parsed(text):
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(one.labels.values())] = one.value
    return found


def test_answers_requests_and_the_link_are_counted(bundle: Bundle) -> None:
    body = {"messages": asked(data_url(png(scene())))}
    with (
        clouded(says("two")) as cloud,
        serving(bundle, cloud=cloud.address) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        told = [
            client.post("/v1/chat/completions", json=body | {"model": f"isthmus/{way}"}).json()["isthmus"]
            for way in ("local", "split", "split")
        ]
        client.post("/v1/chat/completions", json=body | {"model": "gpt-4"})
        client.get("/none")
        found = samples(client.get("/metrics").text)
        assert client.get("/readyz").text == "ready\n"
    answers = found["isthmus_answers_total"]
    assert sum(answers.values()) == 3
    assert {route for route, _ in answers} == {one["route"] for one in told}
    assert found["isthmus_sent_bytes_total"] == {("http",): sum(one["bytes_up"] for one in told)}
    assert found["isthmus_stage_seconds_count"][("total",)] == 3
    assert found["isthmus_http_requests_total"][("/v1/chat/completions", "404")] == 1
    assert found["isthmus_http_requests_total"][("other", "404")] == 1
    assert found["isthmus_link_up"] == {(): 1}
    assert len(found["isthmus_link_exchange_seconds"]) == 3


def test_each_of_several_clouds_is_counted_and_shown_by_its_name(bundle: Bundle) -> None:
    links = {"eu": LinkEstimate.steady(1e6, 20.0), "us": LinkEstimate.steady(1e6, 120.0)}
    with (
        serving(bundle, served={"links": lambda: links}) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        found = samples(client.get("/metrics").text)
        shown = parts(server.part.feed, frames=0)["link"]
    assert found["isthmus_link_up"] == {("eu",): 1, ("us",): 1}
    assert found["isthmus_link_exchange_seconds"]["us", "0.5"] == 0.2  # 10 kB at 1 Mbps, and a round trip
    assert "eu" in shown
    assert "us" in shown
