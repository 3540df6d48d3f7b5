"""Parse, call, print. No logic; the heavy modules are imported when a command needs them, so that --help is quick."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from stance import __version__
from stance.cli.common import (
    INTERRUPTED,
    Aggregation,
    ConfigFile,
    Gate,
    Inputs,
    KeptAggregation,
    KeptGate,
    KeptMinSentences,
    KeptPeriod,
    Metadata,
    MinSentences,
    Model,
    Number,
    Out,
    Period,
    RunFolder,
    Threads,
    bar,
    reports_errors,
    show,
)
from stance.cli.gold import evaluate, gold
from stance.cli.models import models

app = typer.Typer(
    help="Who stands where, on what, since when, and which sentence says so.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(models, name="model")
app.add_typer(gold, name="gold")
app.command("eval")(evaluate)


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Who stands where, on what, since when, and which sentence says so."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _score(
    inputs: list[str],
    config: Path,
    out: Path,
    *,
    metadata: Path | None,
    model: str,
    dtype: str,
    threads: int | None,
    gate: bool | None,
    period: str | None,
    aggregation: str | None,
    min_sentences: int | None,
    replace: bool,
) -> None:
    from stance import pipeline, report, runs
    from stance.config import load_config
    from stance.ingest import read_articles
    from stance.matrix import check_options
    from stance.nli import load_scorer

    signal.signal(signal.SIGTERM, _stop)
    loaded = load_config(config)
    options = pipeline.settings(out, gate=gate, period=period, aggregation=aggregation, min_sentences=min_sentences)
    check_options(options["period"], options["aggregation"])
    read_articles(inputs, metadata)  # Misspelt names are told before the model is loaded; nothing is read yet.
    scorer = load_scorer(model, dtype=dtype, threads=threads)
    with bar() as progress:
        manifest = pipeline.run(
            out,
            config,
            scorer,
            inputs=inputs,
            metadata=metadata,
            replace=replace,
            progress=progress,
            **options,
        )
    show(report.render_table(runs.matrix_of(out, loaded, manifest), loaded))
    _summary(out, manifest)


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
    gate: KeptGate = None,
    period: KeptPeriod = None,
    aggregation: KeptAggregation = None,
    min_sentences: KeptMinSentences = None,
) -> None:
    """Score new articles into a run beside those it has; nothing is scored twice."""
    _score(
        inputs, config, out, metadata=metadata, model=model, dtype=dtype, threads=threads, gate=gate, period=period,
        aggregation=aggregation, min_sentences=min_sentences, replace=False,
    )  # fmt: skip


@app.command()
@reports_errors
def matrix(
    out: RunFolder,
    period: KeptPeriod = None,
    aggregation: KeptAggregation = None,
    min_sentences: KeptMinSentences = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the matrix, too: a file .png, .svg or .pdf (extra `plot`).")
    ] = None,
    export: Annotated[
        list[Path] | None,
        typer.Option(help="Write it for other programs, too: .parquet, .graphml, .csv or wide.csv; may be repeated."),
    ] = None,
) -> None:
    """Aggregate a run again; no model is loaded."""
    from stance import exports, pipeline, plots, report, runs
    from stance.matrix import check_options

    options = pipeline.settings(out, period=period, aggregation=aggregation, min_sentences=min_sentences)
    del options["gate"]
    check_options(options["period"], options["aggregation"])
    config, manifest = runs.open_run(out)
    cells = runs.aggregate(out, config, manifest, **options)
    show(report.render_table(cells, config))
    for path in export or ():
        typer.echo(f"wrote {exports.export(cells, config, path)}")
    if plot:
        typer.echo(f"wrote {plots.plot_matrix(cells, config, plot)}")


@app.command()
@reports_errors
def explain(
    out: RunFolder,
    actor: Annotated[str, typer.Option(help="Id of an actor.")],
    issue: Annotated[str, typer.Option(help="Id of an issue.")],
    period: Annotated[str | None, typer.Option(help="One period, e.g. 2017-10, 2017-Q4 or 2017.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many sentences.")] = 50,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the cell over time: a file .png, .svg or .pdf (extra `plot`).")
    ] = None,
) -> None:
    """The sentences behind a cell, strongest first, with offsets, source and role."""
    from stance import runs

    for line in runs.explain(out, actor, issue, period, limit):
        typer.echo(line)
    if plot:
        typer.echo(f"wrote {runs.plot_cell(out, actor, issue, plot)}")


@app.command()
@reports_errors
def turns(out: RunFolder) -> None:
    """Who moved, when, from where to where: change points, tested ones first; no model is loaded."""
    from stance import runs

    config, found = runs.turns_of(out)
    for t in found:
        tested = "too few articles to test" if t.p is None else f"p {t.p:.4f}"
        typer.echo(
            f"{config.actors[t.actor].label} / {config.issues[t.issue].label}: {t.before:+.2f} to {t.last} "
            f"({t.n_before}) -> {t.after:+.2f} from {t.first} ({t.n_after}), {tested}"
        )
    if not found:
        typer.echo("no position turned")


@app.command()
@reports_errors
def report(
    out: RunFolder,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="Leave copyrighted sentences out: their offsets and hashes alone.")
    ] = False,
) -> None:
    """Write the page of a run again."""
    from stance import runs

    typer.echo(f"wrote {runs.rewrite_page(out, text=not no_text)}")


@app.command()
@reports_errors
def serve(
    out: RunFolder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's own show all to all.")] = (
        "127.0.0.1"
    ),
    model: Annotated[
        str | None,
        typer.Option(help="Folder, name under models/, or hub name of an NLI model.", show_default="what made the run"),
    ] = None,
    dtype: Number = "auto",
    threads: Threads = None,
) -> None:
    """The page of a run, live: score articles in it, label sentences, ask for JSON (extra `serve`)."""
    from importlib.util import find_spec

    from stance.errors import InputError

    if any(find_spec(name) is None for name in ("fastapi", "uvicorn", "python_multipart")):
        raise InputError(
            "FastAPI, uvicorn or python-multipart is missing; install the extra: pip install -e '.[serve]', "
            "in the clone"
        )
    from stance import serve as served

    served.listen(out, lambda: served.run_model(out, model, dtype=dtype, threads=threads), host, port)


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
    from stance import runs

    lines = runs.compare(run_a, run_b)
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo("no cell moved")


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
