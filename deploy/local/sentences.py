"""The one kind of failure that a person who types `make` is told about: a sentence, never a traceback.

What belongs here: the exception that carries such a sentence, and the translation of the operating system's
complaints (full disk, unreadable directory) into one. What does not: deciding when something is wrong.
"""

import errno

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


def sentence_of(error: OSError) -> str | None:
    """One sentence for a known complaint of the operating system, or None when it is not a known one."""
    reason = _KNOWN.get(error.errno or 0)
    if reason is None:
        return None
    return f"Cannot use {error.filename}: {reason}." if error.filename else f"Cannot go on: {reason}."
