"""An x86 processor's count, played by files."""

from pathlib import Path

import pytest

from edge.power.sources.rapl import Rapl
from protos.costs.power import RADIO_JOULES_A_MEGABYTE
from tests.edge.power.boards import processor


def spent(before: Path, *after: int, sent: int = 0) -> float:
    meter = Rapl.find(before)
    assert meter
    with meter.measure() as running:
        processor(before, *after)
        return running.joules(sent)


def test_packages_are_summed_and_their_parts_are_not(tmp_path: Path) -> None:
    assert spent(processor(tmp_path, 1_000_000, 500_000), 3_000_000, 700_000) == pytest.approx(2.2)


def test_a_count_that_began_anew_has_gone_round_once(tmp_path: Path) -> None:
    assert spent(processor(tmp_path, 999_000_000), 2_000_000) == pytest.approx(3.0)


def test_the_radio_is_added_by_its_figure(tmp_path: Path) -> None:
    joules = spent(processor(tmp_path, 0), 1_000_000, sent=2_000_000)
    assert joules == pytest.approx(1.0 + 2 * RADIO_JOULES_A_MEGABYTE)


def test_a_package_that_vanishes_counts_no_more(tmp_path: Path) -> None:
    meter = Rapl.find(processor(tmp_path, 1_000_000, 1_000_000))
    assert meter
    with meter.measure() as running:
        processor(tmp_path, 2_000_000, 3_000_000)
        (tmp_path / "class/powercap/intel-rapl:1/energy_uj").unlink()
        assert running.joules(0) == pytest.approx(1.0)
