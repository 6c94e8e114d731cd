"""The one kind of failure that a person who types `make` is told about: a sentence, never a traceback.

What belongs here: the exception that carries such a sentence, and the translation of the operating system's
complaints (full disk, unreadable directory) into one. What does not: deciding when something is wrong.
"""

import errno
import shutil
from pathlib import Path

_LITTLE_BYTES = 1024 * 1024
_KNOWN = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not read or write it",
    errno.EEXIST: "something else than a directory has this name",
    errno.ENOTDIR: "something above it is no directory",
    errno.EPERM: "this user may not read or write it",
}


class CannotRun(Exception):
    """Something outside the product keeps it from running; the text is a whole sentence for the terminal."""


def in_one_line(words: str, directory: Path) -> str:
    """What a program's last words amount to: a full disk in plain words, otherwise their telling line."""
    told = ("No space left", "Check free disk space", "wrote only")
    if any(phrase in words for phrase in told) or shutil.disk_usage(directory).free < _LITTLE_BYTES:
        return "the disk is full"
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error" in line.lower()]
    return (telling or lines or ["it said nothing"])[0].rstrip(".")


def sentence_of(error: OSError) -> str | None:
    """One sentence for a known complaint of the operating system, or None when it is not a known one."""
    reason = _KNOWN.get(error.errno or 0)
    if reason is None:
        return None
    return f"Cannot use {error.filename}: {reason}." if error.filename else f"Cannot go on: {reason}."
