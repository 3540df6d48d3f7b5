"""What all commands share: options, and how errors reach the user."""

import errno
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from stance.errors import InputError, StanceError

if TYPE_CHECKING:
    from rich.table import Table

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130

Inputs = Annotated[
    list[str], typer.Argument(help="Files, folders, globs, hf:NAME of a dataset, or - for standard input.")
]
ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="Actors, issues and propositions (YAML).")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; made if it is not there.")]
RunFolder = Annotated[Path, typer.Argument(help="Folder of a finished run.")]
Metadata = Annotated[
    Path | None, typer.Option(help="CSV with the columns file, id, title, date, source, url; overrides what files say.")
]
Model = Annotated[str, typer.Option(help="Folder, name under models/, or hub name of an NLI model.")]
Number = Annotated[str, typer.Option("--dtype", help="auto, fp32 or bf16.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads; default: all.")]
Gate = Annotated[
    bool,
    typer.Option(
        "--gate", help="Score an actor only where the sentence names it or stands for it: faster, the same matrix."
    ),
]

KEPT = "as the run had it"
KeptGate = Annotated[
    bool | None,
    typer.Option(
        "--gate/--no-gate",
        help="Score an actor only where the sentence names it or stands for it: faster, the same matrix.",
        show_default=f"{KEPT}, else --no-gate",
    ),
]
KeptPeriod = Annotated[
    str | None, typer.Option(help="day, week, month, quarter, year or all.", show_default=KEPT + ", else month")
]
KeptAggregation = Annotated[
    str | None,
    typer.Option(help="How sentences make a cell: mean, majority or bootstrap.", show_default=KEPT + ", else mean"),
]
KeptMinSentences = Annotated[
    int | None, typer.Option(min=1, help="A cell with fewer sentences is blank.", show_default=KEPT + ", else 1")
]
Period = Annotated[str, typer.Option(help="day, week, month, quarter, year or all.")]
Aggregation = Annotated[str, typer.Option(help="How sentences make a cell: mean, majority or bootstrap.")]
MinSentences = Annotated[int, typer.Option(min=1, help="A cell with fewer sentences is blank.")]


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what can go wrong into one line and its exit code; the only place that does."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except StanceError as error:
            typer.echo(f"stance: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            typer.echo("stance: interrupted; what was scored is kept: give the same command again to go on", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                what = f"the disk is full ({error.strerror}); free some space and give the same command again to go on"
            else:
                what = f"{error.filename or 'a file'}: {error.strerror or error}; check that it exists and may be used"
            typer.echo(f"stance: {what}", err=True)
            raise typer.Exit(InputError.exit_code) from None

    return wrapped


def show(table: "Table") -> None:
    """Print a table; into a pipe or a file, at the width it was laid out for."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=100)).print(table)


@contextmanager
def bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, fed with pairs done and pairs in all."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pairs"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with shown:
        task = shown.add_task("scoring", total=None, speed="")
        begun = time.monotonic()

        def progress(done: int, total: int) -> None:
            speed = done / max(1e-9, time.monotonic() - begun)
            shown.update(task, completed=done, total=total, speed=f"{speed:.0f}/s" if done else "")

        yield progress
