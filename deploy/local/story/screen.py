"""How the story looks: chapters, sentences, tables, a line of progress; in 80 x 24, in colour, and through a pipe.

What belongs here: printing. What does not: anything that knows what is printed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

_WIDEST = 100
_MOST_ROWS = 18
_LONGEST_FOUND = 400


def counted(count: int, one: str, many: str = "") -> str:
    """A number with the name of what is counted: `1 cell`, `1,200 cells`; `many` where an s does not make it."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


class Screen:
    """A terminal or a pipe. Everything printed is plain text to begin with: markup of callers is not read."""

    def __init__(self, console: Console | None = None) -> None:
        made = console or Console(highlight=False)
        made.width = min(made.width, _WIDEST)
        self._console = made

    def chapter(self, title: str) -> None:
        """A new chapter of the story."""
        self._console.print()
        self._console.rule(f"[bold]{escape(title)}", align="left", style="cyan")

    def say(self, text: str) -> None:
        """A sentence of the story."""
        self._console.print(Padding(escape(text), (0, 0, 0, 1)))

    def quote(self, text: str) -> None:
        """What a service said, or an id to follow: one line, indented."""
        self._console.print(Padding(escape(text), (0, 0, 0, 4)), style="dim")

    def check(self, text: str, held: bool, found: str) -> None:
        """A claim with its mark; what was found instead if it did not hold."""
        mark, style = ("✓", "green") if held else ("✗", "bold red")
        self._console.print(Padding(f"[{style}]{mark}[/] {escape(text)}", (0, 0, 0, 1)))
        if not held and found:
            self.quote(found[:_LONGEST_FOUND])

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table; columns whose name begins with `>` stand right. Long tables show their first rows and the count."""
        table = Table(title=escape(title), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
        for column in columns:
            right = column.startswith(">")
            table.add_column(escape(column.removeprefix(">")), justify="right" if right else "left", overflow="fold")
        for row in rows[:_MOST_ROWS]:
            table.add_row(*(escape(str(cell)) for cell in row))
        self._console.print(Padding(table, (0, 0, 0, 1)))
        if len(rows) > _MOST_ROWS:
            self.quote(f"… and {len(rows) - _MOST_ROWS} more")

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show that something is under way, where there is a terminal to show it on."""
        if self._console.is_terminal:
            with self._console.status(escape(text)):
                yield
        else:
            yield

    def last(self, text: str) -> None:
        """The last line, plain, so that a script finds it."""
        self._console.print(escape(text), style="bold")
