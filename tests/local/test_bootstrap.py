import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.places import ROOT, Home

SCRIPT = ROOT / "deploy/local/find_python.sh"
TOOLS = ("sh", "git", "env")


def bin_with(directory: Path, *, tools: tuple[str, ...] = TOOLS, python: str | None = None) -> Path:
    """A PATH of one directory, with these tools and a `python3` that behaves as told."""
    place = directory / "bin"
    place.mkdir()
    for tool in tools:
        found = shutil.which(tool)
        assert found is not None
        (place / tool).symlink_to(found)
    if python is not None:
        (place / "python3").write_text(f"#!/bin/sh\n{python}\n", "ascii")
        (place / "python3").chmod(0o755)
    return place


def find(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(SCRIPT), *arguments]
    return subprocess.run(  # noqa: S603 - this project's own script
        command, env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )


def old_python(version: str) -> str:
    return f'case "$2" in *print*) echo {version} ;; *) exit 1 ;; esac'


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        (old_python("3.9"), "Liandong needs Python 3.11 or later: python3 is 3.9 (PYTHON=... chooses another)."),
        (old_python("3.10"), "Liandong needs Python 3.11 or later: python3 is 3.10 (PYTHON=... chooses another)."),
        (old_python("2.7"), "Liandong needs Python 3.11 or later: python3 is 2.7 (PYTHON=... chooses another)."),
        (
            old_python("3.12"),
            "Liandong needs venv and pip of python3 3.12: install its venv package (on Debian: python3-venv).",
        ),
        (
            None,
            "Liandong needs Python 3.11 or later with venv and pip: no python3 runs here (PYTHON=... chooses another).",
        ),
    ],
)
def test_a_python_that_will_not_do_is_one_sentence(home: Home, python: str | None, sentence: str) -> None:
    told = find(bin_with(home.directory, python=python))
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr == sentence + "\n"


def test_a_missing_git_is_one_sentence(home: Home) -> None:
    told = find(bin_with(home.directory, tools=("sh", "env"), python=old_python("3.12")))
    assert (told.returncode, told.stderr) == (1, "Liandong needs git: install it and run make again.\n")


def test_a_good_python_is_found_and_another_may_be_chosen(home: Home) -> None:
    real = Path(sys.base_prefix) / "bin" / "python3"
    path = bin_with(home.directory, python=f'exec "{real}" "$@"')
    assert find(path).stdout == "python3\n"
    assert find(path, str(real)).stdout == f"{real}\n"
    assert "no /nowhere/python runs here" in find(path, "/nowhere/python").stderr


def checkout(home: Home, requirements: str) -> Path:
    """A small checkout in a directory with a space and Chinese characters, with a requirements file of its own."""
    root = home.directory / "联动 checkout"
    (root / "deploy/local").mkdir(parents=True)
    (root / "requirements").mkdir()
    shutil.copy(ROOT / "deploy/local/bootstrap.py", root / "deploy/local")
    (root / "requirements/local.txt").write_text(requirements, "utf-8")
    return root


def bootstrap(root: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "deploy/local/bootstrap.py", "local"]
    return subprocess.run(  # noqa: S603 - this project's own script
        command, cwd=root, env={**os.environ, "PIP_NO_INDEX": "1"}, capture_output=True, text=True, check=False
    )


def test_the_environment_is_made_once_and_again_when_the_requirements_change(home: Home) -> None:
    root = checkout(home, "")
    assert bootstrap(root).returncode == 0
    stamp = root / ".venv/liandong.json"
    made = stamp.stat().st_mtime_ns
    again = bootstrap(root)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert stamp.stat().st_mtime_ns == made
    (root / "requirements/local.txt").write_text("# changed\n", "utf-8")
    assert bootstrap(root).returncode == 0
    assert stamp.stat().st_mtime_ns != made


def test_a_package_without_a_hash_is_refused_and_not_stamped(home: Home) -> None:
    root = checkout(home, "msgspec==0.22.0\n")
    told = bootstrap(root)
    assert told.returncode == 1
    assert "cannot be installed" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (root / ".venv/liandong.json").exists()


def test_a_read_only_checkout_is_one_sentence(home: Home) -> None:
    root = checkout(home, "")
    root.chmod(0o555)
    # Root may write everywhere, unless the capability that lets it is taken from the process.
    told = bootstrap(root, *(("setpriv", "--bounding-set", "-dac_override") if os.geteuid() == 0 else ()))
    root.chmod(0o755)
    assert told.returncode == 1
    assert told.stderr == f"The environment cannot be made in {root}/.venv: this user may not write there.\n"
