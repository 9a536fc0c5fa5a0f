"""What torch.compile needs beside torch."""

import os
import shutil

from protos.errors import RequestError


def check_compiler() -> None:
    """Raises RequestError where there is no C++ compiler."""
    name = os.environ.get("CXX", "g++")
    if not shutil.which(name):
        raise RequestError(
            f"--compile needs a C++ compiler, and {name} is not there: install g++, or leave out --compile",
            compiler=name,
        )
