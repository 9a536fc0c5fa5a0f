import json
import random
from typing import Any

import pytest

from protos import fleet_pb2 as pb
from protos.errors import TooLarge
from protos.fleet.messages import MalformedMessage, from_json, max_bytes, to_json

DESIRED = pb.Desired(
    version=7,
    settings=pb.FleetSettings(
        cuts=pb.Cuts(pinned="vision.4", codec="vq"),
        rules=pb.FleetRules(confidence=0.5),
        sources=[
            pb.FleetSource(name="gate", questions=[pb.FleetQuestion(name="open", text="Is it open? ä")])
        ],
    ),
)


def test_a_message_is_read_as_it_was_written() -> None:
    assert from_json(pb.Desired, to_json(DESIRED)) == DESIRED
    assert b'"confidence":0.5' in to_json(DESIRED)
    assert "ä".encode() in to_json(DESIRED)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "syntax"),
        (b"{", "syntax"),
        (b"[]", "syntax"),
        (b'{"version":' + b"1" * 9000 + b"}", "syntax"),
        (b"\xff{}", "encoding"),
        (b"[" * 60_000, "depth"),
        (b'{"version":1,"version":2}', "duplicate"),
        (b'{"settings":{"cuts":{"pinned":"a","pinned":"b"}}}', "duplicate"),
        (b'{"settings":{"rules":{"confidence":NaN}}}', "number"),
        (b'{"settings":{"rules":{"confidence":"NaN"}}}', "number"),
        (b'{"settings":{"rules":{"confidence":"\\u004eaN"}}}', "number"),
        (b'{"settings":{"weights":{"joule":"Infinity"}}}', "number"),
        (b'{"settings":{"weights":{"joule":1e999}}}', "field"),
        (b'{"settings":{"cuts":{"pinned":"\\ud800"}}}', "field"),
        (b'{"settings":{"telemetry_seconds":1,"telemetrySeconds":2}}', "field"),
        (b'{"version":-1}', "field"),
        (b'{"version":"1.5"}', "field"),
        (b'{"version":{}}', "field"),
        (b'{"settings":7}', "field"),
        (b'{"at":"yesterday"}', "field"),
        (b'{"settings":{"cuts":{"pined":"vision.4"}}}', "field"),
    ],
)
def test_what_is_no_message_is_refused_with_what_is_wrong(data: bytes, fault: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        from_json(pb.Desired, data)
    assert caught.value.fault == fault


def test_a_device_refuses_a_field_that_it_does_not_know_and_a_controller_reads_past_it() -> None:
    with pytest.raises(MalformedMessage, match="pined"):
        from_json(pb.Desired, b'{"settings":{"cuts":{"pined":"vision.4"}}}')
    told = from_json(pb.Telemetry, b'{"session":"3","mood":{"deep":[1]},"sequence":4}')
    assert told == pb.Telemetry(session=3, sequence=4)


@pytest.mark.parametrize(
    "kind", [pb.Desired, pb.Job, pb.Reported, pb.DeviceState, pb.Telemetry, pb.JobStatus]
)
def test_more_bytes_than_a_kind_may_have_are_not_even_looked_at(kind: type) -> None:
    with pytest.raises(TooLarge):
        from_json(kind, b"\xff" * (max_bytes(kind) + 1))


def test_a_message_that_nobody_would_read_is_not_written() -> None:
    with pytest.raises(TooLarge):
        to_json(pb.Job(id="a" * (max_bytes(pb.Job) + 1)))


def test_a_message_that_is_damaged_anywhere_is_read_or_refused() -> None:
    """Nothing else comes of it, whatever stands there."""
    chance = random.Random(22)
    whole = to_json(DESIRED)
    tokens = [
        b"null",
        b"[]",
        b"{}",
        b'"',
        b"-1",
        b"1e9999",
        b"true",
        b"\\u0000",
        b"\x00",
        b"\xc3",
        b",",
        b":",
        b"{",
    ]
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 12)] = chance.choice(tokens)
        try:
            from_json(pb.Desired, bytes(data))
        except MalformedMessage:
            continue


def test_a_value_of_any_other_kind_anywhere_is_read_or_refused() -> None:
    values: list[Any] = [None, [], {}, "", "x", -1, 2**70, 1.5, True, [[]], {"a": 1}]
    table = json.loads(to_json(DESIRED))
    for value in values:
        for path in (["version"], ["settings"], ["settings", "cuts"], ["settings", "sources"], ["at"]):
            wrong = json.loads(json.dumps(table))
            inner = wrong
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = value
            try:
                from_json(pb.Desired, json.dumps(wrong).encode())
            except MalformedMessage:
                continue
