"""Passwords and client secrets of the embedded default: made at first use, kept in one private file.

What belongs here: making, keeping and reading them. What does not: who uses which one.
"""

import fcntl
import json
import os
import secrets
import tempfile
from pathlib import Path


class SecretStore:
    """A JSON object of names and secrets on disk (mode 0600); a name asked for the first time is made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, name: str) -> str:
        """The secret of this name, made (256 bits, URL-safe) and written down when there is none yet."""
        known = self.all()
        if name in known:
            return known[name]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two that make a secret at once must not lose one of them
            known = self.all()
            if name not in known:
                known[name] = secrets.token_urlsafe(32)
                write_private(self.path, json.dumps(known, indent=2, sort_keys=True))
        return known[name]

    def all(self) -> dict[str, str]:
        """Every secret made so far, by name."""
        if not self.path.exists():
            return {}
        known: dict[str, str] = json.loads(self.path.read_text("utf-8"))
        return known


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all (a reader never sees half of it)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
