"""What torch.compile needs beside torch: a C++ compiler, and a folder for what that makes."""

import os
import shutil

from protos.config import cache_folder
from protos.errors import RequestError


def prepare_compiler() -> None:
    """To be called before torch is imported. What is compiled is kept in Isthmus' own cache folder: torch's
    choice is a folder of /tmp that anybody could make first, and the service runs what lies there.

    Raises RequestError where there is no C++ compiler.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
    name = os.environ.get("CXX", "g++")
    if not shutil.which(name):
        raise RequestError(
            f"--compile needs a C++ compiler, and {name} is not there: install g++, or leave out --compile",
            compiler=name,
        )
