"""Dashboards and alert rules ask for figures that there are."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.core import Metric

from cloud.engine.scheduling.scheduler import Scheduler
from cloud.telemetry.gpus import Gpus
from cloud.telemetry.metrics import Metrics as CloudMetrics
from edge.agent.http.metrics import AnswerCounts, Metrics
from edge.agent.http.outbox_metrics import OutboxCollector
from edge.agent.http.source_metrics import SourceCollector
from edge.agent.http.update_metrics import UpdateCollector
from edge.agent.status.agent_status import AgentStatus
from edge.agent.status.update_status import UpdateStatus
from protos import inference_pb2 as ip
from protos.costs.estimates import LinkEstimate
from tests.edge.agent.outbox.entries import outbox
from tests.house import ROOT

RULES = ROOT / "deploy/monitoring/alerts.yaml"
DASHBOARDS = sorted(RULES.parent.glob("*.json"))
_ASKED = re.compile(r"\b(?:isthmus|process)_\w+")
_EXPRESSION = re.compile(r"^ +expr: (\|\n(?: {10}.*\n)+|.*\n)", re.MULTILINE)
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


class OneGpu:
    """NVIDIA's library, as a machine with one GPU has it."""

    NVMLError = RuntimeError
    nvmlDeviceGetCount = staticmethod(lambda: 1)  # noqa: N815 - the library's names
    nvmlDeviceGetHandleByIndex = staticmethod(lambda index: index)  # noqa: N815
    nvmlDeviceGetMemoryInfo = staticmethod(lambda _: SimpleNamespace(used=3, total=4))  # noqa: N815
    nvmlDeviceGetUtilizationRates = staticmethod(lambda _: SimpleNamespace(gpu=25))  # noqa: N815


def expressions(board: Path) -> Iterator[str]:
    for panel in json.loads(board.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def names(families: Iterable[Metric]) -> set[str]:
    """The samples that these can have."""
    return {f"{family.name}{suffix}" for family in families for suffix in _SUFFIXES[family.type]}


@pytest.fixture
def told(tmp_path: Path) -> set[str]:
    """All that services and agents tell Prometheus."""
    cloud: Any = CloudMetrics()
    cloud.watch_engine(SimpleNamespace(load=ip.Load, limits=Scheduler(8).limits()))
    cloud.watch_caches({"image tokens": SimpleNamespace(hits=1, misses=2, bytes=3)})
    cloud.watch_process(os.getpid, lambda: 1)
    cloud.watch_answers(SimpleNamespace(joined=1))
    cloud.registry.register(Gpus(OneGpu))
    status, counts = AgentStatus(), AnswerCounts()
    with closing(outbox(tmp_path)) as kept:
        parts = (SourceCollector(status), UpdateCollector(UpdateStatus()), OutboxCollector(kept))
        agent = Metrics(lambda: {"": LinkEstimate.steady(1e6, 20.0)}, parts, counts)
        registries = (cloud.registry, agent._registry, counts.registry)
        return set().union(*(names(registry.collect()) for registry in registries))


def test_every_figure_that_is_asked_for_is_told(told: set[str]) -> None:
    rules = _EXPRESSION.findall(RULES.read_text())
    assert len(rules) == RULES.read_text().count("- alert:")
    asked = [*rules, *(one for board in DASHBOARDS for one in expressions(board))]
    assert not {name for one in asked for name in _ASKED.findall(one)} - told


def test_every_figure_of_the_service_has_its_panel(told: set[str]) -> None:
    shown = {name for board in DASHBOARDS for one in expressions(board) for name in _ASKED.findall(one)}
    families = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in told}
    assert not {
        name
        for name in families
        if name.startswith("isthmus_cloud_") and not any(one.startswith(name) for one in shown)
    }


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here (Debian: prometheus)")
def test_prometheus_reads_every_rule_and_expression(tmp_path: Path) -> None:
    shown = [one.replace("$instance", ".*") for board in DASHBOARDS for one in expressions(board)]
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(shown)]
    panels = tmp_path / "panels.json"  # which is YAML too
    panels.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    found = subprocess.run(
        ["promtool", "check", "rules", RULES, panels], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
