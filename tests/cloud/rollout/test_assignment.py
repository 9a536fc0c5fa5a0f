"""Which devices get a candidate."""

from cloud.rollout.assignment import is_assigned

DEVICES = [f"acme/camera-{number}" for number in range(4000)]


def assigned(salt: str, share: float) -> set[str]:
    return {device for device in DEVICES if is_assigned(device, salt, share)}


def test_a_share_is_about_that_many_devices_and_always_the_same() -> None:
    few = assigned("3fa9", 0.1)
    assert 340 < len(few) < 460
    assert few == assigned("3fa9", 0.1)


def test_a_larger_share_keeps_those_of_the_smaller() -> None:
    assert not assigned("3fa9", 0.0)
    assert assigned("3fa9", 0.01) < assigned("3fa9", 0.1) < assigned("3fa9", 0.5) < set(DEVICES)
    assert assigned("3fa9", 1.0) == set(DEVICES)


def test_the_next_rollout_begins_with_other_devices() -> None:
    first, second = assigned("3fa9", 0.1), assigned("ab51", 0.1)
    assert len(first & second) < 80  # a tenth of a tenth, and chance


def test_a_device_falls_on_the_same_side_in_every_version_of_the_service() -> None:
    sides = [is_assigned(f"acme/camera-{number}", "3fa9", 0.5) for number in range(8)]
    assert sides == [bool(int(side)) for side in "10111111"]
