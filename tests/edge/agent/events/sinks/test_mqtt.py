"""Events and states at a real broker, which comes and goes."""

import gc
import logging
import sys
from pathlib import Path

import anyio
import pytest

from bench.rig.ports import free_port
from edge.agent.events.current import StateKey
from edge.agent.events.event import utc
from edge.agent.events.sinks import sink
from edge.agent.events.sinks.mqtt import MqttSink
from protos.errors import RequestError
from tests.certificates import Authority, openssl_only
from tests.edge.agent.events.sightings import QUESTION, SOURCE, TAKEN, event
from tests.edge.agent.events.sinks.broker import listening, mosquitto, mosquitto_only
from tests.edge.agent.events.sinks.feeding import feed, put, running, until, waits

BELOW = "isthmus/v1/plant/gate-3"
BIRTH, PERSON = f"{BELOW}/availability", f"{BELOW}/events/gate/person"
PERSON_STATE, ANSWER = f"{PERSON}/state", f"{BELOW}/answers/gate/what"
DISCOVERY = "homeassistant/device/isthmus_plant_gate-3/config"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(sink, "_MAX_SECONDS", 0.1)


@mosquitto_only
async def test_events_come_once_and_in_order_between_birth_and_goodbye(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        async with listening(port) as heard:
            sink = MqttSink(name="it", address=f"mqtt://127.0.0.1:{port}")
            async with running(sink, feed(), [event("a"), event("a", "end")]):
                told = await heard.count(PERSON, 2)
                assert [(one["id"], one["phase"]) for one in told] == [("a", "begin"), ("a", "end")]
                assert told[0]["text"] == "a person"
                await heard.says(BIRTH, {"state": "online"})
            await heard.says(BIRTH, {"state": "offline"})
        async with listening(port) as late:
            await late.says(BIRTH, {"state": "offline"})
            assert late.on(PERSON) == [], "events are not retained"


@mosquitto_only
async def test_states_are_retained_and_answers_are_not_told_unasked(tmp_path: Path) -> None:
    port, fed = free_port(), feed()
    with mosquitto(tmp_path, port):
        sink = MqttSink(name="it", address=f"mqtt://127.0.0.1:{port}")
        key = StateKey("event", SOURCE, "person")
        fed.current.show(key, "off", None)
        fed.current.show(StateKey("answer", SOURCE, QUESTION), "a cat", utc(TAKEN))
        async with listening(port) as heard, running(sink, fed):
            await heard.says(PERSON_STATE, {"state": "off"})
            fed.current.show(key, "on", utc(TAKEN))
            await heard.says(PERSON_STATE, {"state": "on", "since": "2026-09-21T14:13:20Z"})
        async with listening(port) as late:
            await until(lambda: late.on(PERSON_STATE))
            assert late.on(ANSWER) == []


@mosquitto_only
async def test_a_broker_that_goes_and_comes_back_loses_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port, fed, again = free_port(), feed(), {"identifier": "listener", "clean_session": False}
    kept = ("persistence true", f"persistence_location {tmp_path}/")
    later = [event(str(index)) for index in range(50)]
    async with running(MqttSink(name="it", address=f"mqtt://127.0.0.1:{port}"), fed, [event("a")]):
        with mosquitto(tmp_path, port, *kept):
            async with listening(port, **again) as heard:
                await put(fed, event("b"))
                await until(lambda: [one["id"] for one in heard.on(PERSON)][-1:] == ["b"])
        await until(lambda: "the connection is lost" in caplog.text)
        await put(fed, *later)
        with mosquitto(tmp_path, port, *kept):
            async with listening(port, **again) as heard:
                await until(lambda: [one["id"] for one in heard.on(PERSON)][-1:] == [later[-1].id])
    # the listener hears one again where the broker had not heard that it was heard
    told = [one["id"] for one in heard.on(PERSON) if one["id"] != "b"]
    assert list(dict.fromkeys(told)) == [one.id for one in later]


@mosquitto_only
async def test_what_dies_is_told_by_the_broker(tmp_path: Path) -> None:
    port = free_port()
    code = f"""
import anyio
from edge.agent.events.event import utc
from edge.agent.events.sinks.mqtt import MqttSink
from tests.edge.agent.events.sinks.feeding import feed
anyio.run(MqttSink(name="it", address="mqtt://127.0.0.1:{port}").run, feed())
"""
    with mosquitto(tmp_path, port):
        process = await anyio.open_process([sys.executable, "-c", code])
        async with listening(port) as heard, process:
            await heard.says(BIRTH, {"state": "online"})
            process.kill()
            await heard.says(BIRTH, {"state": "offline"})


@mosquitto_only
async def test_home_assistant_is_told_of_all_and_again_when_it_starts(tmp_path: Path) -> None:
    port, fed = free_port(), feed()
    with mosquitto(tmp_path, port):
        sink = MqttSink(name="it", address=f"mqtt://127.0.0.1:{port}", home_assistant=True)
        fed.current.show(StateKey("answer", SOURCE, QUESTION), "a cat", utc(TAKEN))
        async with listening(port) as heard, running(sink, fed):
            (told,) = await heard.count(DISCOVERY, 1)
            await heard.says(ANSWER, {"state": "a cat", "since": "2026-09-21T14:13:20Z"})
            await heard.client.publish("homeassistant/status", b"online", qos=1)
            assert await heard.count(DISCOVERY, 2) == [told, told]
    assert told["availability"][0]["topic"] == BIRTH
    components = {(one["platform"], one["state_topic"]) for one in told["components"].values()}
    assert components == {("binary_sensor", PERSON_STATE), ("sensor", ANSWER)}, "a change has no state"


@mosquitto_only
@openssl_only
async def test_tls_with_a_certificate_of_the_device_and_a_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    port, authority = free_port(), Authority(tmp_path)
    server, device = authority.sign("server"), authority.sign("device")
    password, passwords = tmp_path / "password", tmp_path / "passwords"
    password.write_text("wr0ng-pw\n")
    await anyio.run_process(["mosquitto_passwd", "-c", "-b", str(passwords), "gate", "r1ght-pw"])
    passwords.chmod(0o644)
    for file in (server.key, device.key):
        file.chmod(0o644)
    lines = (
        f"cafile {authority.ca.path}",
        f"certfile {server.path}",
        f"keyfile {server.key}",
        "require_certificate true",
        "allow_anonymous false",
        f"password_file {passwords}",
    )
    sink = MqttSink(
        name="it",
        address=f"mqtts://localhost:{port}",
        user="gate",
        password_file=password,
        ca=authority.ca.path,
        client_cert=device.path,
        client_key=device.key,
    )
    sink.check()
    fed = feed()
    with mosquitto(tmp_path, port, *lines):
        async with running(sink, fed, [event("a")]):
            await until(lambda: "no connection to localhost" in caplog.text)
            password.write_text("r1ght-pw\n")
            await until(lambda: not waits(fed))
    assert "-pw" not in caplog.text


@mosquitto_only
@openssl_only
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho leaves the socket to the collector
async def test_a_broker_that_nobody_trusts_gets_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port, authority, other = free_port(), Authority(tmp_path / "a"), Authority(tmp_path / "b")
    server = authority.sign("server")
    server.key.chmod(0o644)
    lines = (f"certfile {server.path}", f"keyfile {server.key}")
    sink = MqttSink(name="it", address=f"mqtts://localhost:{port}", ca=other.ca.path)
    fed = feed()
    with mosquitto(tmp_path, port, *lines):
        async with running(sink, fed, [event("a")]):
            await until(lambda: "no connection to localhost" in caplog.text)
            assert waits(fed)
    gc.collect()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": "broker:1883"}, "write mqtts://HOST"),
        ({"address": "mqtts://user:pw@broker"}, "password-file beside it"),
        ({"address": "mqtt://broker"}, "allow-plain = true"),
        ({"address": "mqtts://broker:port"}, "is not an address"),
        ({"address": "mqtts://broker", "client_cert": Path("c")}, "client-cert goes with client-key"),
        ({"address": "mqtts://broker", "password_file": Path("p")}, "password-file goes with user"),
        ({"address": "mqtt://127.0.0.1", "ca": Path("c")}, "certificates mean nothing"),
    ],
)
def test_what_does_not_go_together_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        MqttSink(name="it", **fields).check()  # type: ignore[arg-type]


def test_an_address_has_the_usual_port() -> None:
    assert MqttSink(name="it", address="mqtts://broker").access.place == ("broker", 8883, True)
    assert MqttSink(name="it", address="mqtt://[::1]:99").access.place == ("::1", 99, False)
