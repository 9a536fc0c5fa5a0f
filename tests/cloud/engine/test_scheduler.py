"""The bounded queue in front of the model."""

import pytest

from cloud.engine.scheduler import Scheduler
from protos.errors import CloudBusy


def test_a_request_that_is_being_decoded_has_its_place_in_the_line() -> None:
    scheduler = Scheduler(1)
    with (
        scheduler.entering(),
        pytest.raises(CloudBusy, match="1 requests wait here already"),
        scheduler.entering(),
    ):
        pytest.fail("two were let in where one has room")
    with scheduler.entering():
        assert not len(scheduler)
