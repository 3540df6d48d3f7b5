"""`stance eval` and `stance gold`: parse, call, print."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.cli.common import (
    ConfigFile,
    KeptGate,
    Metadata,
    Model,
    Number,
    RunFolder,
    Threads,
    bar,
    reports_errors,
    show,
)

if TYPE_CHECKING:
    from stance.gold import Agreement, CellJudgement, Judgement

gold = typer.Typer(no_args_is_help=True, help="Judgements of coders: propose, compare, put together.")

GoldFiles = Annotated[list[Path], typer.Argument(help="Gold files (JSONL).")]


@reports_errors
def evaluate(
    files: GoldFiles,
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; made if it is not there.")],
    articles: Annotated[
        list[str] | None,
        typer.Option(
            "--articles",
            help="Where the articles are that gold judges; may be repeated. The run then holds these and no others.",
        ),
    ] = None,
    metadata: Metadata = None,
    model: Model = "stance-nli",
    dtype: Number = "auto",
    threads: Threads = None,
    gate: KeptGate = None,
    against: Annotated[Path | None, typer.Option(help="eval.json of another evaluation, for a paired test.")] = None,
    floors: Annotated[Path | None, typer.Option(help="Exit 1 if a figure is below what this file asks.")] = None,
    write_floors: Annotated[
        bool, typer.Option("--write-floors", help="Set the floors to what is measured now.")
    ] = False,
    allow_regression: Annotated[bool, typer.Option("--allow-regression", help="Let a floor be lowered.")] = False,
) -> None:
    """Gold against what the pipeline finds: macro-F1, wrong signs, positions, calibration, cells, baselines (with
    --gate without the one that needs every pair)."""
    from rich.table import Table

    from stance import evaluation, runs
    from stance import gold as g
    from stance.errors import InputError
    from stance.nli import load_scorer

    if write_floors and not floors:
        raise InputError("--write-floors needs --floors FILE to write to")
    other = _read_json(against) if against else None
    scorer = load_scorer(model, dtype=dtype, threads=threads)
    with bar() as progress:
        result = evaluation.evaluate(
            files, config, out, scorer, inputs=articles or (), metadata=metadata, gate=gate, progress=progress
        )
    if any(path.name.endswith(".test.jsonl") for path in files):
        typer.echo("test gold: report these figures, never choose anything by them")
    table = Table(box=None)
    for k, column in enumerate(("", "macro-F1", *g.LABELS, "sign errors", "positions")):
        table.add_column(column, justify="right" if k else "left", no_wrap=True)
    for row in evaluation.as_rows(result):
        table.add_row(*row)
    show(table)
    for line in evaluation.summary(result):
        typer.echo(line)
    if other:
        d = g.compare(result, other)
        typer.echo(
            f"against {against}: macro-F1 {d['difference']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}], p {d['p']:.3f}, "
            f"over {d['articles']} articles"
            if d["articles"]
            else f"against {against}: no article in common"
        )
    runs.rewrite_page(out)
    typer.echo(f"wrote {out / 'eval.json'}, {out / 'eval.md'}, {out / 'report.html'}")
    if floors:
        name = "+".join(path.name.removesuffix(".jsonl") for path in sorted(files))
        prints = g.floor_hashes(files, [Path(a) for a in articles or ()])
        if write_floors:
            g.write_floors(floors, name, result, prints, allow_regression=allow_regression)
            typer.echo(f"wrote {floors}")
        elif short := g.check_floors(floors, name, result, prints):
            for line in short:
                typer.echo(f"stance: {name}: {line}", err=True)
            raise typer.Exit(1)


def _read_json(path: Path) -> dict:  # type: ignore[type-arg]
    from stance.errors import InputError

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); name an eval.json that `stance eval` wrote") from error
    if not isinstance(found, dict) or "tables" not in found:
        raise InputError(f"{path} is no evaluation; name an eval.json that `stance eval` wrote")
    return found


@gold.command("sample")
@reports_errors
def gold_sample(
    run: RunFolder,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="tasks.jsonl (doccano) or tasks.json (Label Studio) to write.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, help="So many sentences.")] = 100,
    random_share: Annotated[
        float, typer.Option(min=0, max=1, help="Part drawn at random, from which estimates are unbiased.")
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="Another seed, another draw.")] = 0,
    known: Annotated[list[Path] | None, typer.Option(help="Gold files: what they judge is not proposed again.")] = None,
) -> None:
    """Propose what to judge next: a random part, and the sentences on whose doubt the matrix hangs most."""
    from stance import gold as g
    from stance import runs

    config, manifest = runs.open_run(run)
    done = [line.key for line in g.load_gold(known).judgements] if known else []
    tasks = g.sample(
        list(runs.stored_observations(run)),
        runs.matrix_of(run, config, manifest, evidence=None),
        config,
        n,
        random_share=random_share,
        seed=seed,
        known=done,
    )
    g.write_tasks(tasks, out)
    typer.echo(f"wrote {len(tasks)} tasks to {out}; label each support, oppose, mixed or none")


@gold.command("agree")
@reports_errors
def gold_agree(
    files: GoldFiles,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
) -> None:
    """How far coders agree: Krippendorff's alpha, alpha by label, Cohen's kappa by pair of coders."""
    from stance import gold as g

    sets = {str(path): g.load_gold([path]) for path in files}
    parts: dict[str, Sequence[Judgement | CellJudgement]] = {}
    for path, found in sets.items():
        parts |= {f"{path} sentences": found.judgements, f"{path} cells": found.cells}
    if len(sets) > 1:
        parts["all sentences"] = tuple(j for found in sets.values() for j in found.judgements)
    figures = {name: a for name, lines in parts.items() if (a := g.agreement(lines)).n}
    for name, a in figures.items():
        typer.echo(f"{name}: {_agreement(a)}")
    if not figures:
        typer.echo("nothing was judged by two coders")
    if json_out:
        json_out.write_text(json.dumps({k: asdict(a) for k, a in figures.items()}, indent=1) + "\n", encoding="utf-8")


def _agreement(a: "Agreement") -> str:
    if a.alpha is None:
        return f"{a.n} judged twice, all with one label: alpha is not defined"
    low_high = "" if a.low is None else f" [{a.low:.3f}, {a.high:.3f}]"
    labels = ", ".join(f"{name} {value:.2f}" for name, value in a.by_label.items() if value is not None)
    pairs = ", ".join(f"{pair} {value:.3f} ({n})" for pair, (value, n) in a.kappa.items())
    return (
        f"{a.n} judged twice or more, {a.observed:.1%} alike; alpha {a.alpha:.3f}{low_high}; by label: {labels}; "
        f"kappa: {pairs or 'not defined'}"
    )


@gold.command("merge")
@reports_errors
def gold_merge(
    files: Annotated[
        list[Path], typer.Argument(help="Gold files, or exports of doccano (JSONL), Label Studio (JSON).")
    ],
    into: Annotated[Path, typer.Option("--into", help="Gold file to add to; made if it is not there.")],
    coder: Annotated[str | None, typer.Option(help="Who judged, where the files do not say.")] = None,
) -> None:
    """Add judgements to a gold file; the same twice changes nothing, contradictions are told and not taken."""
    from stance import gold as g

    have: list[Judgement | CellJudgement] = g.read_coded(into, None) if into.exists() and into.stat().st_size else []
    before = len(have)
    conflicts: list[str] = []
    for path in files:
        have, found = g.merge(have, g.read_coded(path, coder))
        conflicts += [f"{path}: {line}" for line in found]
    new = into.with_name(into.name + ".new")
    new.write_text("".join(line.model_dump_json(exclude_defaults=True) + "\n" for line in have), encoding="utf-8")
    new.replace(into)
    typer.echo(f"{len(have) - before} judgements added to {into}, which has {len(have)}")
    for line in conflicts:
        typer.echo(f"stance: {line}", err=True)
    if conflicts:
        raise typer.Exit(1)


@gold.command("estimate")
@reports_errors
def gold_estimate(
    run: RunFolder,
    files: GoldFiles,
    by_actor: Annotated[bool, typer.Option("--by-actor", help="Each actor and issue, not each issue.")] = False,
) -> None:
    """Means of a run with intervals that allow for the model's errors, from sentences of `gold sample` judged since."""
    from rich.table import Table

    from stance import gold as g
    from stance import runs

    config, _ = runs.open_run(run)
    judged = g.load_gold(files, config).judgements
    table = Table(box=None)
    for k, column in enumerate(("", "the run's mean", "estimate", "95% interval", "judged", "found")):
        table.add_column(column, justify="right" if k else "left")
    for actor, issue, plain, m in g.estimates(runs.stored_observations(run), judged, by_actor=by_actor):
        name = f"{actor} " * bool(actor) + issue
        if m:
            row = [f"{m.value:+.2f}", f"{m.low:+.2f} to {m.high:+.2f}", str(m.n_gold), str(m.n_all)]
        else:
            row = ["", "fewer than two articles judged", "", str(plain.n_all)]
        table.add_row(name, f"{plain.value:+.2f}", *row)
    show(table)
