"""docs/events.md says what is so."""

import hashlib
import hmac
import json
import re
import tomllib

from edge.agent.config.reading import settings_of
from edge.agent.events.event import Event
from edge.agent.events.sinks.webhook import SIGNATURE
from tests.house import ROOT

PAGE = (ROOT / "docs" / "events.md").read_text("utf-8")


def shown(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


def test_its_configuration_is_one() -> None:
    settings = settings_of(tomllib.loads(shown("toml")))
    assert [sink.name for sink in settings.sink] == ["plant", "desk"]
    assert settings.event_log


def test_its_event_is_one() -> None:
    example = json.loads(shown("json"))
    assert list(example) == list(Event.__struct_fields__)
    assert Event.parse(json.dumps(example).encode()).event == "no-helmet"


def test_its_check_of_a_signature_is_right() -> None:
    names = {"hmac": hmac, "hashlib": hashlib, "secret": b"s", "body": b"{}"}
    right = f"sha256={hmac.new(b's', b'{}', hashlib.sha256).hexdigest()}"
    for sent, genuine in ((right, True), ("sha256=00", False)):
        exec(shown("python"), names := names | {"headers": {SIGNATURE: sent}})
        assert names["genuine"] is genuine
