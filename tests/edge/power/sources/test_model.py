"""What is said where nothing measures."""

from time import process_time, sleep

import pytest

from edge.power.sources.model import CpuTimeModel
from protos.costs.power import MODEL


def test_processor_time_counts_and_waiting_does_not() -> None:
    with CpuTimeModel().measure() as running:
        sleep(0.05)
        waited = running.joules(0)
        begun = process_time()
        while process_time() - begun < 0.05:
            pass
        assert running.joules(0) - waited >= 0.05 * MODEL.busy_watts
    assert waited < 0.05 * MODEL.busy_watts


def test_bytes_count_by_the_radios_figure() -> None:
    with CpuTimeModel().measure() as running:
        assert running.joules(10**9) == pytest.approx(1000 * MODEL.joules_a_megabyte, rel=0.01)
