"""Parse, call, print. No logic; the heavy modules are imported when a command needs them, so that --help is quick."""

import errno
import functools
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from stance import __version__
from stance.errors import InputError, StanceError

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    help="Who stands where, on what, since when, and which sentence says so.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models = typer.Typer(help="The models that can score.", no_args_is_help=True)
app.add_typer(models, name="model")

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
Threads = Annotated[int | None, typer.Option(help="Processor threads; default: all.")]
Gate = Annotated[
    bool,
    typer.Option(
        "--gate", help="Score an actor only where the sentence or the one before it names it: faster, misses some."
    ),
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


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Who stands where, on what, since when, and which sentence says so."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pairs"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _score(
    inputs: list[str],
    config: Path,
    out: Path,
    *,
    metadata: Path | None,
    model: str,
    dtype: str,
    threads: int | None,
    gate: bool,
    period: str,
    aggregation: str,
    min_sentences: int,
    replace: bool,
) -> None:
    import time

    from stance import pipeline, report
    from stance.config import load_config
    from stance.matrix import check_options
    from stance.nli import load_scorer

    signal.signal(signal.SIGTERM, _stop)
    loaded = load_config(config)
    check_options(period, aggregation)
    scorer = load_scorer(model, dtype=dtype, threads=threads)
    with _bar() as bar:
        task = bar.add_task("scoring", total=None, speed="")
        begun = time.monotonic()

        def progress(done: int, total: int) -> None:
            speed = done / max(1e-9, time.monotonic() - begun)
            bar.update(task, completed=done, total=total, speed=f"{speed:.0f}/s" if done else "")

        manifest = pipeline.run(
            out,
            config,
            scorer,
            inputs=inputs,
            metadata=metadata,
            replace=replace,
            gate=gate,
            period=period,
            aggregation=aggregation,
            min_sentences=min_sentences,
            progress=progress,
        )
    _show(report.render_table(pipeline.matrix_of(out, loaded, manifest), loaded))
    _summary(out, manifest)


def _show(table: "Table") -> None:
    """Print a table; into a pipe or a file, at the width it was laid out for."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=100)).print(table)


def _summary(out: Path, manifest: dict) -> None:  # type: ignore[type-arg]
    c = manifest["counts"]
    kinds = [("articles", "article", "articles"), ("sentences", "sentence", "sentences")]
    kinds += [("propositions", "proposition", "propositions"), ("copy", "copy", "copies")]
    kinds += [("undated", "undated", "undated"), ("rejected", "rejected", "rejected")]
    parts = [f"{c[key]} {one if c[key] == 1 else many}" for key, one, many in kinds if c.get(key)]
    typer.echo(f"{', '.join(parts)}; {c['pairs_scored_now']} pairs scored now")
    names = (
        "stance_matrix.csv",
        "stance_matrix_wide.csv",
        "observations.csv",
        "articles.csv",
        "report.html",
        "manifest.json",
    )
    typer.echo("wrote " + ", ".join(str(out / name) for name in names))


@app.command()
@reports_errors
def run(
    inputs: Inputs,
    config: ConfigFile,
    out: Out,
    metadata: Metadata = None,
    model: Model = "stance-nli",
    dtype: Number = "auto",
    threads: Threads = None,
    gate: Gate = False,
    period: Period = "month",
    aggregation: Aggregation = "mean",
    min_sentences: MinSentences = 1,
) -> None:
    """The whole job: read, score, matrix, report. The run then holds these inputs and no others."""
    _score(
        inputs, config, out, metadata=metadata, model=model, dtype=dtype, threads=threads, gate=gate, period=period,
        aggregation=aggregation, min_sentences=min_sentences, replace=True,
    )  # fmt: skip


@app.command()
@reports_errors
def score(
    inputs: Inputs,
    config: ConfigFile,
    out: Out,
    metadata: Metadata = None,
    model: Model = "stance-nli",
    dtype: Number = "auto",
    threads: Threads = None,
    gate: Gate = False,
    period: Period = "month",
    aggregation: Aggregation = "mean",
    min_sentences: MinSentences = 1,
) -> None:
    """Score new articles into a run beside those it has; nothing is scored twice."""
    _score(
        inputs, config, out, metadata=metadata, model=model, dtype=dtype, threads=threads, gate=gate, period=period,
        aggregation=aggregation, min_sentences=min_sentences, replace=False,
    )  # fmt: skip


@app.command()
@reports_errors
def matrix(
    out: RunFolder, period: Period = "month", aggregation: Aggregation = "mean", min_sentences: MinSentences = 1
) -> None:
    """Aggregate a run again; no model is loaded."""
    from stance import pipeline, report
    from stance.matrix import check_options

    check_options(period, aggregation)
    config, manifest = pipeline.open_run(out)
    cells = pipeline.aggregate(
        out, config, manifest, period=period, aggregation=aggregation, min_sentences=min_sentences
    )
    _show(report.render_table(cells, config))


@app.command()
@reports_errors
def explain(
    out: RunFolder,
    actor: Annotated[str, typer.Option(help="Id of an actor.")],
    issue: Annotated[str, typer.Option(help="Id of an issue.")],
    period: Annotated[str | None, typer.Option(help="One period, e.g. 2017-10, 2017-Q4 or 2017.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many sentences.")] = 50,
) -> None:
    """The sentences behind a cell, strongest first, with offsets, source and role."""
    from stance import pipeline

    for line in pipeline.explain(out, actor, issue, period, limit):
        typer.echo(line)


@app.command()
@reports_errors
def report(out: RunFolder) -> None:
    """Write the page of a run again."""
    from stance import pipeline

    typer.echo(f"wrote {pipeline.rewrite_page(out)}")


@app.command()
@reports_errors
def check(
    config: Annotated[Path, typer.Argument(help="A configuration (YAML).")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if there is anything to say.")] = False,
) -> None:
    """Lint the propositions and the actor list of a configuration; loads no model."""
    from stance.config import lint, load_config, propositions

    loaded = load_config(config)
    remarks = lint(loaded)
    for remark in remarks:
        typer.echo(remark)
    typer.echo(
        f"{config}: {len(loaded.actors)} actors, {len(loaded.issues)} issues, "
        f"{len(propositions(loaded))} propositions, {len(remarks)} remarks"
    )
    if strict and remarks:
        raise typer.Exit(1)


@app.command()
@reports_errors
def diff(
    run_a: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    run_b: Annotated[Path, typer.Argument(help="Folder of another.")],
) -> None:
    """Which cells moved from one run to another, and by which sentences."""
    from stance import pipeline

    lines = pipeline.compare(run_a, run_b)
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo("no cell moved")


@models.command("list")
@reports_errors
def model_list() -> None:
    """The models in this installation."""
    from stance.nli import embedded

    for name, path in embedded():
        typer.echo(f"{name}\t{path}")


@models.command("info")
@reports_errors
def model_info(name: Annotated[str, typer.Argument(help="Folder or name.")] = "stance-nli") -> None:
    """Load a model, test it on fixed pairs, and print what it is."""
    from stance.nli import load_scorer

    typer.echo(json.dumps(load_scorer(name).describe(), indent=1))


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
