"""`stance model`: list, info, train, eval, bench, export."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stance.cli.common import ConfigFile, Inputs, Metadata, Model, Number, Threads, reports_errors, show

models = typer.Typer(help="The models that can score.", no_args_is_help=True)


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


@models.command("train")
@reports_errors
def model_train(
    recipe: Annotated[Path, typer.Argument(help="What to train and on what (YAML; see models/recipes/).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of checkpoint, log and model.")],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Threads = None,
) -> None:
    """Train a model by a recipe; goes on from a checkpoint in the folder."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from stance.nli.recipe import load_recipe

    wanted = load_recipe(recipe)
    from stance.nli.training import train

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading the sources", total=wanted.steps)

        def on_step(entry: dict[str, float]) -> None:
            what = f"loss {entry['smooth']:.3f}, {entry['hypotheses'] / entry['step_seconds']:.0f} hypotheses/s"
            bar.update(task, completed=entry["step"], description=what)

        folder = train(wanted, out, device=device, threads=threads, on_step=on_step)
    typer.echo(str(folder))


@models.command("eval")
@reports_errors
def model_eval(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Parquet or JSONL with premise, hypothesis, label; passages of the curriculum; or datasets."
        ),
    ],
    model: Model = "stance-nli",
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Only what no recipe trains on: dev lines, one premise in ten.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many premises of a file, drawn at random.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out premises that this file of pairs has (what a model was trained on); repeatable."),
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
    dtype: Number = "auto",
    threads: Threads = None,
) -> None:
    """Accuracy, macro-F1, sign errors and calibration of a model on labelled pairs."""
    from rich.table import Table

    from stance.nli import load_scorer
    from stance.nli.evaluation import as_rows, evaluate_files
    from stance.nli.examples import files_of, premises_of

    names = files_of(files)
    scorer = load_scorer(model, dtype=dtype, threads=threads)
    figures = evaluate_files(names, scorer, dev=held_out, limit=limit, without=premises_of(without or ()))
    table = Table(box=None)
    for k, column in enumerate(("", "pairs", "accuracy", "macro-F1", "sign errors", "ECE")):
        table.add_column(column, justify="right" if k else "left")
    for row in as_rows(figures):
        table.add_row(*row)
    show(table)
    if refused := sum(f.refused for f in figures if f.name != "all"):
        typer.echo(
            f"{refused} pairs left out: hypotheses of over {scorer.max_hypothesis} tokens, which the model refuses"
        )
    if json_out:
        payload = {
            "model": scorer.describe(),
            "held_out": held_out,
            "limit": limit,
            "without": without or [],
            "files": [asdict(f) for f in figures],
        }
        json_out.write_text(json.dumps(payload, indent=1) + "\n", encoding="utf-8")


@models.command("bench")
@reports_errors
def model_bench(
    inputs: Inputs,
    config: ConfigFile,
    metadata: Metadata = None,
    model: Model = "stance-nli",
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to score.")] = 10.0,
    dtype: Number = "auto",
    threads: Threads = None,
) -> None:
    """Pairs a second on your own articles and propositions, and how long all of them would take."""
    from stance import pipeline
    from stance.config import load_config
    from stance.nli import load_scorer

    loaded = load_config(config)
    scorer = load_scorer(model, dtype=dtype, threads=threads)
    typer.echo(json.dumps(pipeline.bench(inputs, loaded, scorer, metadata, seconds), indent=1))


@models.command("export")
@reports_errors
def model_export(
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, e.g. stance-nli.onnx.")],
    model: Model = "stance-nli",
) -> None:
    """Write the pairwise form of a packed model as ONNX, checked against torch (needs the extra `export`)."""
    from stance.nli.export import export

    typer.echo(json.dumps(export(model, out), indent=1))
