"""Days replayed that the cost model generated."""

import numpy as np
import pytest

from cloud.fleet.tuning.devices import HeldSettings, held_settings
from cloud.fleet.tuning.model import KnownBundle
from cloud.fleet.tuning.what_if import Alternative, what_if
from protos.errors import RequestError
from tests.cloud.fleet.tuning.generated import BUNDLE, Machine, day, truth
from tests.cloud.fleet.tuning.test_tune import CONNECTOR, VISION, machines
from tests.splitter.planning.plans import MANIFEST, measured

MIXED = [
    Machine(f"d{index}", uplink=0.4, arms={CONNECTOR: 0.7, "upload@jpeg-75": 0.3}) for index in range(30)
]


def held(count: int, text: str = "{}") -> list[HeldSettings]:
    return [held_settings(text)] * count


def test_the_model_reproduces_a_day_that_it_made() -> None:
    found = what_if(BUNDLE, day(MIXED, cloud=1.4), Alternative(held(30)), 24)
    model = found["model"]
    assert model["reproduces"]
    assert abs(model["measures"]["milliseconds"]["error"]) < 0.02
    assert abs(model["measures"]["p95"]["error"]) < 0.05
    fleet, *_ = found["groups"]
    assert fleet["would"]["arms"] == pytest.approx(fleet["was"]["arms"], abs=0.001), "nothing was changed"
    assert fleet["change"]["milliseconds"]["value"] == 0


def test_a_day_that_the_model_does_not_explain_is_said_not_to_be_reproduced() -> None:
    """In odd hours answers take half as long again as their stages."""
    seen = day(MIXED)
    odd = seen.halves[1]
    for arm in odd.arms.values():
        arm["milliseconds"] *= 1.5
    found = what_if(BUNDLE, seen, Alternative(held(30)), 24)
    assert found["model"]["reproduces"] is False
    assert "milliseconds" in found["model"]["reason"] or "half of the devices" in found["model"]["reason"]


def test_another_way_is_what_it_is_known_to_be() -> None:
    made = machines(0.4)
    asked = Alternative(held(len(made)), changed=True, route=VISION)
    fleet, *_ = what_if(BUNDLE, day(made, cloud=1.3), asked, 24)["groups"]
    true = float(np.mean([truth(one, VISION, cloud=1.3) for one in made]))
    assert fleet["would"]["milliseconds"]["value"] == pytest.approx(true, rel=0.05)
    assert fleet["would"]["arms"] == {VISION: 1.0}


def test_a_deadline_moves_the_choice() -> None:
    """Less time than a slow device's own work takes leaves the picture's upload, dear as its bytes are."""
    made = [Machine(f"d{index}", uplink=5.0, slow=4.0) for index in range(10)]
    bytes_dear = '"weights": {"accuracy": 200, "kilobyte": 100}'
    for rules, taken in (("{}", CONNECTOR), ('{"deadline_milliseconds": 200}', "upload@jpeg-75")):
        settings = held(10, f'{{{bytes_dear}, "rules": {rules}}}')
        asked = Alternative(settings, changed=True)
        fleet, *_ = what_if(BUNDLE, day(made), asked, 24)["groups"]
        assert fleet["would"]["arms"] == {taken: 1.0}


def test_a_price_is_a_bill_and_with_what_a_second_is_worth_a_weight() -> None:
    made, seen = machines(0.4), day(machines(0.4))
    settings = [one.settings for one in made]
    fleet, *_ = what_if(BUNDLE, seen, Alternative(settings, price_per_megabyte=0.01), 24)["groups"]
    a_day = fleet["answers"] * 1_092 / 1e6 * 0.01
    assert fleet["cost_a_day"]["was"]["value"] == pytest.approx(a_day, rel=0.01)
    assert fleet["would"]["arms"] == fleet["was"]["arms"]
    free = held(len(made))
    dear = Alternative(free, price_per_megabyte=10.0, second_worth=0.001)
    fleet, *_ = what_if(BUNDLE, seen, dear, 24)["groups"]
    assert fleet["would"]["bytes"]["value"] < 1_092


def test_another_bundle_is_reckoned_by_how_fast_each_device_is() -> None:
    """One whose pieces take half the time on the machine that split it."""
    other = measured()
    for cut in other.cuts.values():
        cut.piece_milliseconds /= 2
    made = machines(0.4)
    asked = Alternative([one.settings for one in made], bundle=KnownBundle("b" * 64, MANIFEST, other))
    fleet, *_ = what_if(BUNDLE, day(made), asked, 24)["groups"]
    assert fleet["change"]["milliseconds"]["value"] == pytest.approx(-30, rel=0.1)


def test_devices_that_would_have_no_way_are_named() -> None:
    made = machines(0.4)
    asked = Alternative([one.settings for one in made], changed=True, route="local")
    with pytest.raises(RequestError, match=r"40 devices would have no way to answer: m0\.4-0"):
        what_if(BUNDLE, day(made), asked, 24)
