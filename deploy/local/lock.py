"""Writes the hashed requirements anew from what the services and the `.in` files ask for.

What belongs here: calling the resolver. It is installed into a throw-away environment, so that nothing of it
stays; the written files name no index address, since every bureau installs from its own mirror.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = ("indicator_svc", "submission_svc", "scoring_svc", "audit_svc")
OPTIONS = (
    "--universal", "--python-version", "3.11", "--generate-hashes", "--upgrade", "--quiet",
    "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links",
)  # fmt: skip


def main() -> int:
    """Resolve development first; the rest is held to its versions, so that tests run what is deployed."""
    projects = [f"services/{service}/pyproject.toml" for service in SERVICES]
    with tempfile.TemporaryDirectory(prefix="liandong-lock-") as directory:
        venv.create(directory, with_pip=True)
        python = Path(directory) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        _compile(
            python,
            "development",
            ["requirements/development.in", "requirements/local.in", *projects],
            held=False,
        )
        _compile(python, "local", ["requirements/local.in", *projects], held=True)
        for service, project in zip(SERVICES, projects, strict=True):
            _compile(python, service, [project], held=True)
    return 0


def _compile(python: Path, name: str, sources: list[str], *, held: bool) -> None:
    target = f"requirements/{name}.txt"
    constraints = ["-c", "requirements/development.txt"] if held else []
    command = [str(python), "-m", "uv", "pip", "compile", *OPTIONS, *constraints, "-o", target, *sources]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    print(target)


if __name__ == "__main__":
    sys.exit(main())
