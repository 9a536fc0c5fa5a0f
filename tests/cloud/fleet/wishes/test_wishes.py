"""What operators wish of devices."""

import pytest

from cloud.fleet.wishes.merging import merged, settings_of, text_of, without
from cloud.fleet.wishes.possible import impossible
from protos import fleet_pb2 as pb
from protos.errors import RequestError
from tests.cloud.fleet.telling import birth

DEVICE = birth().device


def settings(text: str) -> pb.FleetSettings:
    return settings_of(text)


def test_a_change_replaces_what_it_names_and_lists_as_a_whole() -> None:
    before = settings('{"cuts":{"allowed":["vision.4","connector"]},"rules":{"max_loss":1}}')
    after = merged(before, settings('{"cuts":{"allowed":["connector"]},"rules":{"local":false}}'))
    assert text_of(after) == '{"cuts":{"allowed":["connector"]},"rules":{"local":false,"max_loss":1.0}}'


def test_another_pinned_cut_takes_no_codec_with_it() -> None:
    before = settings('{"cuts":{"pinned":"vision.4","codec":"pca"}}')
    assert (
        text_of(merged(before, settings('{"cuts":{"pinned":"connector"}}')))
        == '{"cuts":{"pinned":"connector"}}'
    )


def test_nothing_is_nothing() -> None:
    assert text_of(settings("{}")) == "{}"
    assert text_of(without(settings('{"telemetry_seconds":30}'), ["telemetry_seconds"])) == "{}"


@pytest.mark.parametrize(
    "text", ['{"cuts":{"pinned":7}}', '{"a":1}', "[]", '{"cuts":{"codec":"pca"}}', "{", '{}},"x":{']
)
def test_what_are_no_settings_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        settings(text)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ('{"cuts":{"pinned":"vision.4","codec":"pca"}}', ""),
        ('{"cuts":{"pinned":"vision.5"}}', "no cut vision.5, but vision.4, connector"),
        ('{"cuts":{"pinned":"connector","codec":"pca"}}', "no codec pca, but int8-zstd"),
        ('{"rules":{"never_leave_device":true}}', ""),
        ('{"rules":{"local":false}}', ""),
        ('{"rules":{"local":false,"never_upload":true}}', ""),
        ('{"cuts":{"allowed":["vision.9"]}}', ""),
        ('{"cuts":{"allowed":["vision.9"]},"rules":{"local":false,"never_upload":true}}', "no route is left"),
    ],
)
def test_what_leaves_a_device_no_route_is_known(wish: str, why: str) -> None:
    found = impossible(DEVICE, pb.FleetSettings(), settings(wish))
    assert why in found
    assert bool(found) is bool(why)


def test_what_the_device_says_of_itself_counts_too() -> None:
    reported = settings('{"rules":{"local":false}}')
    assert "no route is left" in impossible(
        DEVICE, reported, settings('{"rules":{"never_leave_device":true}}')
    )


def test_cuts_of_a_bundle_that_it_does_not_run_yet_are_not_judged() -> None:
    wish = settings('{"bundle":{"digest":"%s"},"cuts":{"pinned":"vision.9"}}' % ("b" * 64))
    assert not impossible(DEVICE, pb.FleetSettings(), wish)
