"""The agent as programs beside it see it: OpenAI's API, the live page, the figures for Prometheus."""

import base64
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.agent.agent_record import EndpointReply

MODEL = "isthmus/auto"
_SECONDS = 60.0
Samples = Mapping[str, Mapping[str, float]]  # by the name, then by what the labels say


def reply(address: str, png: bytes, question: str, expected: str) -> EndpointReply:
    """Ask a question about a picture, as any client of OpenAI does. Raises httpx.HTTPError."""
    picture = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
    begun = perf_counter()
    got = httpx.post(
        f"{address}/v1/chat/completions", json=_completion(picture, question), timeout=_SECONDS
    ).raise_for_status()
    took, told = 1000 * (perf_counter() - begun), got.json()
    answer = told["choices"][0]["message"]["content"]
    return EndpointReply(question, expected, answer, told["isthmus"]["route"], took)


def curl_line(address: str, picture: Path, question: str) -> str:
    """The same for a shell, about a picture's file."""
    body = json.dumps(_completion(picture.resolve().as_uri(), question), separators=(",", ":"))
    head = "-H 'Content-Type: application/json'"
    return f"curl -s {address}/v1/chat/completions {head} -d {shlex.quote(body)}"


def live_page_answers(address: str) -> bool:
    """Whether the live page has frames with answers. Raises httpx.HTTPError."""
    return "/frames/" in httpx.get(address, timeout=_SECONDS).raise_for_status().text


def samples(address: str) -> Samples:
    """The agent's figures; what stands behind the last label names each: the route of an answer, else the
    source. Raises httpx.HTTPError.
    """
    found: dict[str, dict[str, float]] = {}
    text = httpx.get(f"{address}/metrics", timeout=_SECONDS).raise_for_status().text
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            values = found.setdefault(one.name, {})
            key = one.labels.get("route") or one.labels.get("source", "")
            values[key] = values.get(key, 0.0) + one.value
    return found


def _completion(picture: str, question: str) -> dict[str, Any]:
    content = [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": picture}}]
    return {"model": MODEL, "messages": [{"role": "user", "content": content}]}
