"""Where output goes: results to standard output, everything else to standard error."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import IO, Any, Literal

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from mtl_flows.errors import unwritable

# A log or a pipe has no width of its own: leave the tables room.
_LOG_WIDTH = 140
_LONGEST_ID = 40
_FRAME = 3  # characters of a column beside its cells

# No markup: names of files and what they say may hold brackets.
out = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)
err = Console(stderr=True, highlight=False, markup=False, width=None if sys.stderr.isatty() else _LOG_WIDTH)


def complain(what: str, text: str) -> None:
    """Print one line on standard error that begins with a word in red."""
    err.print(Text(what, style="bold red"), text, soft_wrap=True)


def print_json(value: Any, file: IO[str] | None = None) -> None:
    """Write `value` as JSON; infinities and not-a-number become null, as JSON has none."""
    file = file or sys.stdout
    json.dump(_jsonable(value), file, indent=2, default=str, allow_nan=False)
    file.write("\n")


@contextmanager
def output_to(path: Path | None) -> Iterator[IO[str]]:
    """Open a file for writing; standard output if there is none.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise unwritable(path, error) from error
    err.print(f"written: {path}", soft_wrap=True)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    caption: str = "",
    spare: Sequence[str] = (),
) -> Table:
    """Make a table; columns whose every cell is a number are set to the right, and the first is kept whole.

    Parameters
    ----------
    spare
        Columns that are left out, one after the other, until the rest fits the terminal.
    """
    columns, rows = _fitting(columns, rows, spare)
    made = Table(title=title or None, caption=caption or None, title_justify="left", caption_justify="left")
    for k, column in enumerate(columns):
        numeric = all(row[k] is None or isinstance(row[k], int | float) for row in rows)
        justify: Literal["right", "left"] = "right" if numeric and rows else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=k == 0 and _keeps_whole(rows))
    for row in rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], spare: Sequence[str]
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Leave out spare columns until no heading and no cell is broken."""
    widths = {
        column: max(map(cell_len, (column, *(_cell(row[k]) for row in rows))))
        for k, column in enumerate(columns)
    }
    kept = list(columns)
    for column in spare:
        if sum(widths[name] + _FRAME for name in kept) < out.width:
            break
        kept.remove(column)
    if len(kept) == len(columns):
        return columns, rows
    places = [k for k, column in enumerate(columns) if column in kept]
    return kept, [[row[k] for k in places] for row in rows]


def _keeps_whole(rows: Sequence[Sequence[Any]]) -> bool:
    """Whether the first column is short enough to stand in one line: ids that are broken cannot be copied."""
    return all(len(str(row[0])) <= _LONGEST_ID for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


class Reporter:
    """Progress of one piece of work: a bar on a terminal, plain lines in a log."""

    def __init__(self, title: str, total: int | None, progress: Progress | None) -> None:
        self._title, self._total, self._progress = title, total, progress
        self._done = 0
        self._said = 0
        if progress is not None:
            self._task = progress.add_task(title, total=total)

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more pieces done."""
        self._done += count
        if self._total is not None:
            self._total = max(self._total, self._done)  # what was expected may have been too little
        if self._progress is not None:
            text = f"{self._title} {note}" if note else self._title
            self._progress.update(self._task, advance=count, description=text, total=self._total)
            return
        # In a log, one line for each tenth of the work (or each piece, where there are few).
        step = max(1, (self._total or 0) // 10)
        if note or self._done - self._said >= step or self._done == self._total:
            self._said = self._done
            of = f"/{self._total}" if self._total is not None else ""
            err.print(f"{self._title}: {self._done}{of} {note}".rstrip())

    def then(self, title: str, total: int) -> "Reporter":
        """Go on with the next part of the work, of which nothing is done yet."""
        part = Reporter(title, total, self._progress)
        part.advance(0, note="begun")
        return part

    def reach(self, share: float, text: str) -> None:
        """Say how much of a whole of 100 % is done, between 0 and 1."""
        done = int(100 * share)
        if self._progress is not None:
            self._progress.update(self._task, completed=done, description=f"{self._title} {text}")
        elif done // 10 > self._said // 10:
            self._said = done
            err.print(f"{self._title}: {done} %, {text}")


@contextmanager
def progress(title: str, total: int | None = None, *, percent: bool = False) -> Iterator[Reporter]:
    """Show progress on standard error while the block runs."""
    if not err.is_terminal:
        yield Reporter(title, total, None)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn()
        if percent
        else MofNCompleteColumn()
        if total is not None
        else TextColumn("{task.completed:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=False) as bars:
        yield Reporter(title, total, bars)


def as_typed(context: typer.Context) -> str:
    """How this program was called, up to the command: what a suggested command has to begin with."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        called = f"{Path(sys.executable).name} -m {__package__.partition('.')[0]}"
    else:
        called = program.name if shutil.which(program.name) else quote(str(program))
    return called if context.obj is None else f"{called} -C {quote(str(context.obj))}"


def is_interactive() -> bool:
    """Whether somebody sits at a terminal who can be asked."""
    return sys.stdin.isatty() and err.is_terminal
