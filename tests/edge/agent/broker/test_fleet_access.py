from typing import Any

import pytest

from edge.agent.config.reading import settings_of
from edge.agent.settings.names import machine_name
from protos.errors import RequestError


def test_a_fleet_is_a_name_or_a_section() -> None:
    assert settings_of({"fleet": "harbour"}).owner == ("harbour", machine_name())
    fleet = {"name": "harbour", "address": "mqtts://broker.example"}
    assert settings_of({"fleet": fleet, "device": "crane-7"}).owner == ("harbour", "crane-7")
    assert settings_of({"fleet": {"address": "mqtt://localhost"}}).owner.fleet == "home"


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        ({"address": "mqtt://far.example"}, "fleet: what is sent to far.example over mqtt:// can be read"),
        ({"address": "https://far.example"}, "fleet: the address is none of a broker"),
        ({"address": "mqtts://a:b@far.example"}, "fleet: the address is none of a broker"),
        ({"address": "mqtts://far.example", "client-cert": "a.pem"}, "client-cert goes with client-key"),
        ({"address": "mqtts://far.example", "password-file": "a"}, "password-file goes with user"),
        ({"address": "mqtt://localhost", "ca": "a.pem"}, "certificates mean nothing without TLS"),
        ({"address": "mqtts://far.example", "telemetry": "often"}, "fleet.telemetry"),
        ({"address": "mqtts://far.example", "colour": "red"}, "fleet: contains unknown field `colour`"),
        ({"name": "Harbour"}, "fleet"),
    ],
)
def test_a_section_that_is_none_is_refused_with_why(fleet: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError) as caught:
        settings_of({"fleet": fleet})
    assert words in str(caught.value)
