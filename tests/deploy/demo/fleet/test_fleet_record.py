from dataclasses import replace

from tests.deploy.demo.fleet.records import BAD, tuned


def test_nothing_is_missing_where_all_was_done() -> None:
    assert tuned().missing == []


def test_a_device_that_did_not_get_the_cut_is_missed() -> None:
    record = tuned()
    left = replace(record.devices[0], after="", in_the_end="")
    assert replace(record, devices=[left]).missing == ["not every device of the fleet got connector"]


def test_a_rollout_that_goes_on_is_missed() -> None:
    record = tuned()
    assert replace(record, rollout=record.rollout[:1]).missing == ["the bad rollout did not roll itself back"]
    assert replace(record, rollout=[]).missing == ["the bad rollout did not roll itself back"]


def test_a_device_that_keeps_the_bad_cut_is_missed() -> None:
    record = tuned()
    kept = replace(record.devices[1], in_the_end=BAD)
    found = replace(record, devices=[record.devices[0], kept]).missing
    assert found == ["not every device of the fleet has its earlier settings again"]
