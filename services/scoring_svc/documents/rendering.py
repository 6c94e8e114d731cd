"""Writing a document as PDF or Word, in a process of its own that ends with it.

A process, not a thread: its memory and time are bounded from outside, what it took goes back to the system, and a
document that breaks the typesetter breaks nothing else. It knows no address and no secret, and reads no file but the
template and the fonts.

    python -m services.scoring_svc.documents.rendering pdf    # a Document as JSON in, the file out
"""

import asyncio
import contextlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, Literal

import msgspec

from services.scoring_svc.documents.blocks import Bars, Document
from services.scoring_svc.documents.fonts import FAMILIES, FontMissing, folder, has_glyph, made_readable

Form = Literal["pdf", "docx"]
MEDIA: Mapping[Form, str] = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_TEMPLATE = Path(__file__).parent / "report.typ"
_ROOT = Path(__file__).resolve().parents[3]
_STANDARDS = ("a-2a", "ua-1")
_CHART_DOTS = 180  # per inch
_POLITE = 10


class RenderingFailed(Exception):
    """The child ended without a document: too large, too slow, or broken. Its last words are the argument."""


@dataclass(frozen=True)
class Limits:
    """What one rendering may take: seconds, and bytes of memory."""

    seconds: float = 120.0
    memory: int = 3_000_000_000


async def render(document: Document, form: Form, limits: Limits) -> bytes:
    """The document as a file. Raises RenderingFailed. A cancelled call ends its process."""
    # Standard library and installed packages are found as here; nothing else of the environment is handed on.
    told = {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one), "PYTHONUTF8": "1", "LANG": "C.UTF-8"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, form, str(limits.memory), str(ceil(limits.seconds)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=told, cwd=_ROOT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(limits.seconds):
            made, said = await child.communicate(msgspec.json.encode(document))
    except TimeoutError:
        raise RenderingFailed(f"more than {limits.seconds} s") from None
    except ConnectionError as error:  # not to be taken for a database that is away
        raise RenderingFailed("it ended before it had read the document") from error
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode != 0 or not made:
        raise RenderingFailed(f"exit status {child.returncode}: {said.decode(errors='replace')[-2_000:]}")
    return made


# --- in the child -----------------------------------------------------------------------------------------------------


def main(form: Form, memory: int, seconds: int) -> None:
    """Read a document from standard input, write the file to standard output."""
    os.nice(_POLITE)  # scores go first
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (2 * seconds, 2 * seconds))  # its threads count together
    document = msgspec.json.decode(sys.stdin.buffer.read(), type=Document)
    sys.stdout.buffer.write(pdf(document) if form == "pdf" else docx(document))


def pdf(document: Document) -> bytes:
    """PDF/A-2a and PDF/UA-1: fonts inside, tagged; the same document gives the same bytes."""
    made = datetime(**msgspec.to_builtins(document.made), tzinfo=UTC)
    return _typeset(
        {"content": _json(document)}, format="pdf", pdf_standards=list(_STANDARDS), timestamp=made
    )  # fmt: skip


def docx(document: Document) -> bytes:
    """A Word document; its charts are pictures with their words beside them."""
    from services.scoring_svc.documents.word import as_word  # noqa: PLC0415 - only this form needs the library

    plain = msgspec.convert(made_readable(msgspec.to_builtins(document), lambda _: True), Document)
    return as_word(plain, chart)


def chart(bars: Bars) -> bytes:
    """The bars as PNG."""
    return _typeset({"chart": _json(bars)}, format="png", ppi=_CHART_DOTS)


def _json(value: Any) -> str:
    return json.dumps(made_readable(msgspec.to_builtins(value), has_glyph), ensure_ascii=False)


def _typeset(inputs: Mapping[str, str], **options: Any) -> bytes:
    """Texts go in as data, never as source."""
    import typst  # noqa: PLC0415 - eighty megabytes of code that only the child needs

    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder())])
    if not set(fonts.families()) >= FAMILIES:
        raise FontMissing(f"the typesetter sees only {fonts.families()} in {folder()}")
    made = typst.compile(
        _TEMPLATE, root=_TEMPLATE.parent, font_paths=fonts, ignore_system_fonts=True, sys_inputs=dict(inputs), **options
    )
    return made if isinstance(made, bytes) else made[0]


if __name__ == "__main__":
    main("pdf" if sys.argv[1] == "pdf" else "docx", int(sys.argv[2]), int(sys.argv[3]))
