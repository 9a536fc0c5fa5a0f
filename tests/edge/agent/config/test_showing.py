"""Settings as JSON."""

from edge.agent.config.reading import settings_of
from edge.agent.config.showing import as_json


def test_quantities_are_numbers_with_units_and_addresses_have_no_password() -> None:
    source = {
        "kind": "stream",
        "name": "door",
        "url": "rtsp://user:geheim@host/live",
        "rate": "30/min",
        "bytes-per-day": "50MB",
        "joules-per-day": "2Wh",
        "question": [{"name": "who", "text": "who is there?"}],
    }
    shown = as_json(settings_of({"rules": {"deadline": "300ms"}, "source": [source]}))
    assert shown["rules"]["deadline"] == {"value": 300.0, "unit": "ms"}
    (door,) = shown["source"]
    assert door["kind"] == "stream"
    assert door["url"] == "rtsp://***@host/live"
    assert door["rate"] == {"value": 0.5, "unit": "/s"}
    assert door["bytes-per-day"] == {"value": 50_000_000, "unit": "B"}
    assert door["joules-per-day"] == {"value": 7200.0, "unit": "J"}
    assert door["question"][0]["name"] == "who"
