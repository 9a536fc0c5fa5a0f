"""The machine that measures, in the words that a figure needs beside it."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort
import torch

_FLAGS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
)


@dataclass(frozen=True)
class Setting:
    """Where and how it was measured. `load` is the machine's load average at the end: above the threads,
    others ran too.
    """

    machine: str
    instructions: list[str]
    cores: int
    threads: int
    repetitions: int
    versions: dict[str, str]
    load: float


def setting(threads: int, repetitions: int) -> Setting:
    """The machine and the versions that measure."""
    facts = _cpu_facts()
    named = re.search(r"^model name\s*:\s*(.+)$", facts, re.MULTILINE)
    words = set(re.findall(r"\w+", facts))
    return Setting(
        machine=named[1] if named else platform.processor() or platform.machine(),
        instructions=[flag for flag in _FLAGS if flag in words],
        cores=os.cpu_count() or 1,
        threads=threads,
        repetitions=repetitions,
        versions={"onnxruntime": ort.__version__, "torch": torch.__version__},
        load=round(os.getloadavg()[0], 2),
    )


def _cpu_facts() -> str:
    facts = Path("/proc/cpuinfo")
    return facts.read_text(encoding="utf-8") if facts.exists() else ""
