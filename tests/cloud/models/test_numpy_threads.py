import subprocess
import sys
from pathlib import Path

PROGRAM = """
import torch
from threadpoolctl import ThreadpoolController
from cloud.models.numpy_threads import limit_numpy

torch.set_num_threads(3)
limit_numpy()
numpy = [library for library in ThreadpoolController().lib_controllers if "numpy" in library.filepath]
print([library.num_threads for library in numpy], torch.get_num_threads())
"""


def test_numpy_takes_one_thread_and_torch_what_it_had() -> None:
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.split() == ["[1]", "3"]
