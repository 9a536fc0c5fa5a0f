"""What is wanted of devices."""

import json

import pytest

from cloud.fleet.storage.audit import Who, records
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.desired import change, mark_published, unpublished, wanted
from cloud.fleet.storage.devices import Selection, label, selected
from cloud.fleet.storage.lease import Leadership
from protos import fleet_pb2 as pb
from protos.errors import Conflict, RequestError, UnknownName
from tests.cloud.fleet.telling import arrived, known_devices

ANNA = Who("anna", "the link is slow")


def pinned(cut: str) -> pb.FleetSettings:
    return pb.FleetSettings(cuts=pb.Cuts(pinned=cut))


def settings_of(database: Database, name: str) -> dict[str, object]:
    with database.reading() as connection:
        found: dict[str, object] = json.loads(wanted(connection, [name])[name].settings)
        return found


def test_a_change_goes_on_top_and_is_published_once(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1"])
    assert change(database, ["d1"], pinned("vision.4"), ANNA) == {"d1": 1}
    rules = pb.FleetSettings(rules=pb.FleetRules(deadline_milliseconds=500))
    assert change(database, ["d1"], rules, ANNA) == {"d1": 2}
    with database.writing() as connection:
        ((device, version, text),) = unpublished(connection, 10)
        mark_published(connection, {device: version})
        assert unpublished(connection, 10) == []
    told = json.loads(text)
    assert told["settings"] == {"cuts": {"pinned": "vision.4"}, "rules": {"deadline_milliseconds": 500.0}}
    assert told["version"] == "2"


def test_what_is_cleared_is_as_the_device_says(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1"])
    change(database, ["d1"], pinned("vision.4"), ANNA)
    change(database, ["d1"], pb.FleetSettings(), ANNA, clear=["cuts.pinned"])
    assert settings_of(database, "d1").get("cuts", {}) == {}
    with pytest.raises(RequestError, match=r"no field 'cuts\.nothing'"):
        change(database, ["d1"], pb.FleetSettings(), ANNA, clear=["cuts.nothing"])


def test_of_two_operators_the_second_is_told(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1"])
    change(database, ["d1"], pinned("vision.4"), ANNA, expected={"d1": 0})
    with pytest.raises(Conflict, match="somebody else"):
        change(database, ["d1"], pinned("connector"), Who("bob"), expected={"d1": 0})
    assert settings_of(database, "d1") == {"cuts": {"pinned": "vision.4"}}


def test_a_typo_changes_no_device_and_names_those(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1", "d2"])
    with pytest.raises(
        RequestError, match=r"2 of the devices cannot do that.*d1: it has no cut vision.5"
    ) as error:
        change(database, ["d1", "d2"], pinned("vision.5"), ANNA)
    assert error.value.facts["devices"] == ["d1", "d2"]
    with database.reading() as connection:
        assert unpublished(connection, 10) == []


def test_versions_are_greater_than_any_that_the_device_was_given(
    database: Database, leader: Leadership
) -> None:
    intake = known_devices(database, leader, ["d1"])
    intake.take([arrived("d1", pb.Reported(session=1, version=7, highest_version=7))])
    assert change(database, ["d1"], pinned("vision.4"), ANNA) == {"d1": 8}


def test_every_change_is_in_the_audit_log(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1"])
    change(database, ["d1"], pinned("vision.4"), ANNA)
    label(database, ["d1"], {"site": "berlin"}, ANNA)
    with database.reading() as connection:
        found = records(connection, "d1", 10)
    assert [(one["who"], one["what"], one["why"]) for one in found] == [
        ("anna", "label", "the link is slow"),
        ("anna", "set", "the link is slow"),
    ]


def test_devices_are_selected_by_labels_and_more(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1", "d2", "d3"])
    label(database, ["d1", "d2"], {"site": "berlin"}, ANNA)
    label(database, ["d2"], {"site": None}, ANNA)
    with database.reading() as connection:

        def names(selection: Selection) -> list[str]:
            return [row["name"] for row in selected(connection, selection)]

        assert names(Selection(labels={"site": "berlin"})) == ["d1"]
        assert names(Selection(kind="Orin Nano", bundle="aaa", connection="online")) == ["d1", "d2", "d3"]
        assert names(Selection(version="9")) == []
        with pytest.raises(UnknownName, match="did you mean"):
            names(Selection(devices=("d11",)))


def test_a_label_that_is_none_is_refused(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1"])
    with pytest.raises(RequestError, match="no label"):
        label(database, ["d1"], {"site": "two words"}, ANNA)
