"""A systemd of its own in namespaces, above a copy of this machine's files that is thrown away."""

import os
import shutil
import site
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.house import ROOT

_PATIENCE = 120.0
_TOOLS = ("unshare", "nsenter", "mount")
_SYSTEMD = Path("/lib/systemd/systemd")
_ENTER = ("--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wd")
_RUNS = ("running", "degraded")  # the second: a unit of this machine's own did not start
_HOME = "/opt/isthmus"
_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"

# /sys and /proc/sys as systemd-nspawn gives them, so that nothing of this machine is set
_BOOT = """
set -e
mount -t tmpfs -o size=1g tmpfs "$PLACE"
mkdir "$PLACE/upper" "$PLACE/work" "$PLACE/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$PLACE/upper,workdir=$PLACE/work" "$PLACE/root"
cd "$PLACE/root"
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir run/lock
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --rbind /dev dev
mount --rbind /sys sys
mount -o remount,bind,ro sys
mkdir -p opt/isthmus/venv/bin
bind() { mkdir -p "opt/isthmus/$2"; mount --bind "$1" "opt/isthmus/$2"; }
bind "$PYTHON_HOME" python
bind "$PACKAGES" packages
bind "$CODE" code
bind "$BUNDLE" bundle
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  chroot . /lib/systemd/systemd --system --unit=basic.target --log-target=null
"""

# what README.md installs into a virtual environment, without installing it: this code, where units see it
_PROGRAM = f"""#!/bin/sh
export PYTHONHOME={_HOME}/python LD_LIBRARY_PATH={_HOME}/python/lib
export PYTHONPATH={_HOME}/code:{_HOME}/packages
exec {_HOME}/python/bin/{_PYTHON} -m isthmus "$@"
"""


def cannot_boot() -> str:
    """Why no systemd can be started here; or nothing."""
    if missing := [tool for tool in _TOOLS if not shutil.which(tool)]:
        return f"no {missing[0]} here (Debian: util-linux)"
    if not _SYSTEMD.exists():
        return "no systemd here (Debian: systemd)"
    if os.geteuid():
        return "only root may start a systemd in namespaces"
    if Path("/proc/1/comm").read_text().strip() == "systemd":
        return "this machine has a systemd of its own, whose control groups a second one would share"
    return ""


class BootedSystem:
    """What runs in there."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """`process`: of `unshare`, whose child is the system's first process."""
        self._process = process

    def run(self, *words: str, check: bool = True) -> str:
        """What a command prints in there. Raises CalledProcessError where it fails."""
        command = ["nsenter", f"--target={self._first}", *_ENTER, *words]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        if check and found.returncode:
            raise AssertionError(f"{words}: {found.returncode}: {found.stdout}{found.stderr}")
        return found.stdout.strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file in there."""
        place = Path(f"/proc/{self._first}/root{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def journal(self, unit: str) -> str:
        """What a unit's processes have written there."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", f"--unit={unit}", "--output=cat", "--no-pager")

    def says(self, unit: str, words: str) -> None:
        """Returns once its journal has these words."""
        self.until(unit, lambda: words in self.journal(unit))

    def becomes(self, unit: str, **wanted: str) -> None:
        """Returns once a unit's properties have these values."""
        self.until(unit, lambda: {name: self.shows(unit, name) for name in wanted} == wanted)

    def until(self, unit: str, is_so: Callable[[], bool]) -> None:
        """Returns once it is so."""
        ends = time.monotonic() + _PATIENCE
        while not is_so():
            assert time.monotonic() < ends, f"{self.run('systemctl', 'show', unit)}: {self.journal(unit)}"
            time.sleep(0.1)

    def shows(self, unit: str, name: str) -> str:
        """As `systemctl show` has it."""
        return self.run("systemctl", "show", f"--property={name}", "--value", unit)

    @property
    def _first(self) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text().split()[0])

    def is_up(self) -> bool:
        """Whether all that belongs to its start has been started."""
        try:
            return self.run("systemctl", "is-system-running", check=False) in _RUNS
        except IndexError:
            return False


@contextmanager
def booted_system(place: Path, bundle: Path) -> Iterator[BootedSystem]:
    """All its processes and files are gone at the end. `place`: an empty folder; `bundle`: what is to be at
    /opt/isthmus/bundle. Raises OSError where it does not start.
    """
    names = ("--pid", "--mount", "--uts", "--ipc", "--cgroup")
    given = {
        "PATH": os.environ["PATH"],
        "PLACE": str(place),
        "PYTHON_HOME": sys.base_prefix,
        "PACKAGES": site.getsitepackages()[0],
        "CODE": str(ROOT),
        "BUNDLE": str(bundle),
    }
    command = ["unshare", "--fork", "--kill-child", *names, "sh", "-c", _BOOT]
    with subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            system = BootedSystem(process)
            _until_up(system, process)
            system.write(f"{_HOME}/venv/bin/isthmus", _PROGRAM, 0o755)
            yield system
        finally:
            process.kill()


def _until_up(system: BootedSystem, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + _PATIENCE
    while not system.is_up():
        if process.poll() is not None or time.monotonic() > ends:
            process.kill()
            _, errors = process.communicate()
            words = errors.decode(errors="replace").strip()
            raise OSError(f"systemd does not start in namespaces here: {words or 'it takes too long'}")
        time.sleep(0.1)
