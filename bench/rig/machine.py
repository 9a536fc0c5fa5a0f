"""The machine that measures, in the words that a figure needs beside it."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

WARM_UP = 2  # turns of an interleaved timing before those that count

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
    import onnxruntime as ort
    import torch

    words = set(re.findall(r"\w+", _cpu_facts()))
    return Setting(
        machine=processor(),
        instructions=[flag for flag in _FLAGS if flag in words],
        cores=os.cpu_count() or 1,
        threads=threads,
        repetitions=repetitions,
        versions={"onnxruntime": ort.__version__, "torch": torch.__version__},
        load=round(os.getloadavg()[0], 2),
    )


def processor() -> str:
    """The processor's name."""
    named = re.search(r"^model name\s*:\s*(.+)$", _cpu_facts(), re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def describe(where: Setting) -> str:
    """Machine, threads and repetitions, in a sentence."""
    counts = (
        f"{where.cores} cores, threads per form: {where.threads}, medians of {where.repetitions} "
        f"turns after {WARM_UP}, batch 1"
    )
    versions = ", ".join(f"{name} {version}" for name, version in where.versions.items())
    return (
        f"Measured on {where.machine} ({', '.join(where.instructions)}), load {where.load}; {counts}; "
        f"{versions}."
    )


def _cpu_facts() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
