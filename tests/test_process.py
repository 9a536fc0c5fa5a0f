"""Commands as processes of their own, where a machine offers less than usual: no home folder, a full disk, a
terminal without characters, names that are not UTF-8, streams that are full or closed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from splitter.nano.scenes import picture

ROOT = Path(__file__).parents[1]
ISTHMUS = (sys.executable, "-m", "isthmus")
QUESTION = "what is the background?"
NOBODY = ("unshare", "--map-user=12345", "--map-group=12345")  # a user whom no list names
_MOUNT = 'mount -t tmpfs $0 none "$1"; cat /dev/zero 2>/dev/null >"$1/filling"; shift; exec "$@" 2>&3'
MOUNTING = ("unshare", "--map-root-user", "--mount", "sh", "-c", f"exec 3>&2 2>/dev/null; {_MOUNT}")
GONE = "127.0.0.1:1"
NOT_UTF8 = os.fsdecode(b"caf\xe9")


def works(*command: str) -> bool:
    return (
        bool(shutil.which(command[0]))
        and not subprocess.run(command, check=False, capture_output=True).returncode
    )


nobody_only = pytest.mark.skipif(not works(*NOBODY, "true"), reason="no user namespaces here")
mounting_only = pytest.mark.skipif(
    not works("unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"),
    reason="no file systems can be mounted here",
)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.png"
    Image.fromarray(picture(77).image).save(path)
    return path


def run(
    *words: str | Path, before: tuple[str, ...] = (), shell: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command, with what the shell adds to it. Its standard error is no traceback."""
    command: list[str | Path] = [*before, *ISTHMUS, *words]
    if shell:
        command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(variables),
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=120,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def environment(variables: dict[str, str]) -> dict[str, str]:
    """This one without what Python is told of streams, changed; an empty variable is none."""
    streams = ("PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8")
    changed = {name: value for name, value in os.environ.items() if name not in streams} | variables
    return {name: value for name, value in changed.items() if value}


def asking(scene: Path, bundle: Path, *more: str) -> list[str | Path]:
    return ["ask", scene, QUESTION, "--bundle", bundle, *more]


HOMELESS = {"HOME": "", "XDG_CACHE_HOME": "", "ISTHMUS_CACHE": ""}


@nobody_only
def test_a_user_without_a_home_gets_an_answer_and_is_told_what_to_set(bundle_path: Path, scene: Path) -> None:
    words = asking(scene, bundle_path, "--cloud", GONE, "--route", "split")
    done = run(*words, before=NOBODY, **HOMELESS)
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr.count("set $ISTHMUS_CACHE to a folder") == 1
    assert "nobody listens there" in done.stderr


@nobody_only
def test_a_user_without_a_home_is_refused_before_anything_is_measured(
    bundle_path: Path, tmp_path: Path
) -> None:
    profiling = ("edge", "profile", "--duration", "1ms", "--bundle")
    done = run(*profiling, bundle_path, before=NOBODY, **HOMELESS)
    assert done.returncode == 3
    assert done.stderr.strip().startswith("isthmus: ~/.cache is in a home folder, and there is none")
    assert run(*profiling, bundle_path, "-o", tmp_path / "p.json", before=NOBODY, **HOMELESS).returncode == 0


@mounting_only
@pytest.mark.parametrize(
    ("options", "told"), [("-r", "Read-only file system"), ("-osize=64k", "No space left")]
)
def test_a_disk_that_takes_nothing_costs_no_answer(
    options: str, told: str, bundle_path: Path, scene: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    words = asking(scene, bundle_path, "--cloud", GONE, "--route", "split")
    done = run(*words, before=(*MOUNTING, options, str(disk)), ISTHMUS_CACHE=str(disk / "cache"))
    assert done.returncode == 0
    assert done.stdout
    assert told in done.stderr
    saving = ("edge", "profile", "--duration", "1ms", "--bundle", bundle_path)
    done = run(*saving, before=(*MOUNTING, options, str(disk)), ISTHMUS_CACHE=str(disk / "cache"))
    assert done.returncode == 3
    assert told in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_any_encoding_gets_an_answer(encoding: str, bundle_path: Path, scene: Path) -> None:
    done = run(*asking(scene, bundle_path, "--explain"), PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert done.stdout
    assert run("bundle", "show", "--bundle", bundle_path, PYTHONIOENCODING=encoding).returncode == 0


def test_a_picture_and_a_cache_may_have_any_name(bundle_path: Path, scene: Path, tmp_path: Path) -> None:
    named, page = tmp_path / f"{NOT_UTF8}.png", tmp_path / "page.html"
    shutil.copy(scene, named)
    words = asking(named, bundle_path, "--cloud", GONE, "--route", "split")
    assert run(*words, ISTHMUS_CACHE=str(tmp_path / NOT_UTF8)).returncode == 0
    trace = tmp_path / NOT_UTF8 / "trace"
    trace.write_text("1\n500\n")
    assert run("plan", "--bundle", bundle_path, "--trace", trace, "--html", page).returncode == 0
    assert page.exists()


@pytest.mark.parametrize("command", [("bundle", "show"), ("edge", "profile"), ("cloud", "serve"), ("plan",)])
def test_a_bundle_that_no_library_can_open_is_refused(
    command: tuple[str, ...], bundle_path: Path, tmp_path: Path
) -> None:
    named = tmp_path / NOT_UTF8
    named.symlink_to(bundle_path)
    done = run(*command, "--bundle", named)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert r"caf\udce9' is not a name in UTF-8; rename it" in done.stderr


@pytest.mark.slow
def test_nothing_is_split_from_or_to_a_name_that_no_library_can_open(tmp_path: Path) -> None:
    named = tmp_path / NOT_UTF8
    named.mkdir()
    for words in ((named, "-o", tmp_path / "bundle"), ("-o", named)):
        done = run("split", *words)
        assert done.returncode == 3
        assert "is not a name in UTF-8" in done.stderr


@pytest.mark.parametrize("words", [("--version",), ("ask", "--help"), ("ask",)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_output_is_an_error(
    words: tuple[str, ...], unbuffered: str, bundle_path: Path, scene: Path
) -> None:
    words = (
        words if len(words) > 1 or words == ("--version",) else tuple(map(str, asking(scene, bundle_path)))
    )
    done = run(*words, shell=">/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr == (
        "isthmus: the output cannot be written (No space left on device); send it somewhere else\n"
    )


def test_a_full_or_closed_standard_error_changes_nothing(bundle_path: Path, scene: Path) -> None:
    words = asking(scene, bundle_path, "--cloud", GONE, "--route", "split")
    for shell in ("2>/dev/full", "2>&-"):
        done = run(*words, shell=shell)
        assert (done.returncode, bool(done.stdout)) == (0, True)
        done = run("ask", "absent.png", QUESTION, "--bundle", bundle_path, shell=shell)
        assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_whoever_closes_all_streams_wants_no_output(bundle_path: Path, scene: Path) -> None:
    done = run(*asking(scene, bundle_path, "--cloud", GONE), shell="<&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_reader_that_has_gone_ends_it_quietly(bundle_path: Path) -> None:
    for words in (("--version",), ("bundle", "show", "--bundle", bundle_path)):
        done = run(*words, shell="| true")
        assert done.stderr == ""


def test_a_question_that_is_no_text_is_refused(bundle_path: Path, scene: Path) -> None:
    done = run("ask", scene, f"is it {NOT_UTF8}?", "--bundle", bundle_path)
    assert done.returncode == 3
    assert "the question is not whole text" in done.stderr
