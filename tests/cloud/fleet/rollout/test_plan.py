"""Who is treated when."""

from cloud.fleet.rollout.plan import Member, frozen_cohort
from tests.cloud.fleet.rollout.fleet import plan_of


def test_the_cohort_is_in_an_order_that_another_salt_changes() -> None:
    members = [Member(f"d{number}", "k") for number in range(50)]
    one, two = frozen_cohort(members, "a"), frozen_cohort(members, "b")
    assert one == frozen_cohort(reversed(members), "a")
    assert one != two
    assert set(one) == set(two)


def test_phases_grow_from_one_device_to_all_but_the_control_group() -> None:
    plan = plan_of(1000)
    assert [plan.quota(phase) for phase in range(6)] == [1, 10, 100, 500, 950, 1000]


def test_a_small_fleet_keeps_one_device_as_control() -> None:
    plan = plan_of(4)
    assert plan.controls == 1
    assert [plan.quota(phase) for phase in range(6)] == [1, 1, 1, 2, 3, 4]
