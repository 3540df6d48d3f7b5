"""Gold: lines are checked like code, agreement and estimates are what their papers say, eval sees what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_tiny
from typer.testing import CliRunner

from stance import pipeline
from stance.cli import app
from stance.config import load_config
from stance.data import Cell, Observation
from stance.errors import InputError
from stance.evaluation import evaluate
from stance.gold import (
    ADJUDICATED,
    Unit,
    agreement,
    cell_agreement,
    check_floors,
    compare,
    estimates,
    figures,
    floor_hashes,
    krippendorff_alpha,
    load_gold,
    merge,
    naive_mean,
    ppi_mean,
    read_coded,
    sample,
    sentence_hash,
    settled,
    write_floors,
    write_tasks,
)

HARBOUR = """
name: harbour
actors:
  norland: {label: Norland, aliases: [Norland]}
  sud: {label: Sudmark, aliases: [Sudmark]}
issues:
  base:
    label: A foreign base
    propositions: {support: ["{actor} accepts a foreign base"], oppose: ["{actor} rejects a foreign base"]}
  tolls:
    label: Tolls on ships
    actors: [sud]
    propositions: {support: ["{actor} wants tolls"], oppose: ["{actor} is against tolls"]}
"""
SENTENCES = (
    "Norland will have no foreign soldiers in its harbours, its prime minister told parliament on Tuesday.",
    "Sudmark, which has offered to build the pier, said nothing about its plans.",
    "Dockers in the old port were unloading timber from a freighter as the debate went on.",
)


@pytest.fixture
def harbour(tmp_path: Path) -> Path:
    (tmp_path / "harbour.yaml").write_text(HARBOUR)
    text = " ".join(SENTENCES)
    (tmp_path / "articles.jsonl").write_text(
        "".join(
            json.dumps({"id": f"a{k}", "title": "In the harbour", "date": "2024-03-0" + str(k), "text": text}) + "\n"
            for k in (1, 2)
        )
    )
    return tmp_path


def line(article: str = "a1", number: int = 0, **other: object) -> dict[str, object]:
    start = sum(len(s) + 1 for s in SENTENCES[:number])
    fields: dict[str, object] = {
        "article": article,
        "start": start,
        "end": start + len(SENTENCES[number]),
        "sentence": sentence_hash(SENTENCES[number]),
        "actor": "norland",
        "issue": "base",
        "label": "oppose",
        "coder": "a",
        "date": "2026-11-28",
    }
    return fields | other


def write(path: Path, *lines: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(x) + "\n" for x in lines))
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"actor": "norlund"}, "unknown actor 'norlund'"),
        ({"issue": "tolls"}, "does not concern 'norland'"),
        ({"label": "agree"}, "label"),
        ({"sentence": "xyz"}, "sentence"),
        ({"mood": 1}, "mood"),
        ({"date": "28 November"}, "write it as"),
    ],
)
def test_a_faulty_line_is_told_with_file_and_line(harbour: Path, change: dict[str, object], words: str) -> None:
    path = write(harbour / "gold.jsonl", line(), line(number=1) | change)
    with pytest.raises(InputError) as told:
        load_gold([path], load_config(harbour / "harbour.yaml"))
    assert f"{path}:2" in str(told.value)
    assert words in str(told.value)


def test_duplicates_and_contradictions_are_refused_but_not_other_coders(harbour: Path) -> None:
    path = harbour / "gold.jsonl"
    load_gold([write(path, line(), line(coder="b", label="support"))])
    for second, word in ((line(), "repeats"), (line(label="none"), "contradicts")):
        with pytest.raises(InputError, match=word):
            load_gold([write(path, line(), second)])


def test_adjudication_settles_and_what_is_open_is_told(harbour: Path) -> None:
    both = [line(), line(coder="b", label="support"), line(number=1, label="none"), line(number=1, coder="b")]
    third = line(coder=ADJUDICATED, label="oppose")
    labels, still_open = settled(load_gold([write(harbour / "gold.jsonl", *both, third)]).judgements)
    assert list(labels.values()) == ["oppose"]
    assert len(still_open) == 1


def test_alpha_is_that_of_the_textbook() -> None:
    # Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C: four observers, twelve units.
    rows = ["1233214 12...".replace(" ", ""), "123322412 5.3".replace(" ", ""), ".33323422 51.".replace(" ", ""),
            "123324412 51.".replace(" ", "")]  # fmt: skip
    units = [[row[k] for row in rows if row[k] != "."] for k in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.001)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), min_size=1, max_size=20))
def test_alpha_does_not_depend_on_names_or_order(units: list[list[str]]) -> None:
    alpha = krippendorff_alpha(units)
    other = krippendorff_alpha([[{"a": "z", "b": "y", "c": "x"}[x] for x in reversed(u)] for u in reversed(units)])
    assert (alpha is None) == (other is None)
    if alpha is not None and other is not None:
        assert alpha == pytest.approx(other)
        assert alpha <= 1 + 1e-12


def test_agreement_leaves_adjudications_out(harbour: Path) -> None:
    lines = [line(), line(coder="b"), line(number=1, label="none"), line(number=1, label="none", coder="b")]
    found = load_gold([write(harbour / "gold.jsonl", *lines, line(coder=ADJUDICATED, label="support"))])
    a = agreement(found.judgements)
    assert (a.n, a.coders, a.alpha, a.kappa["a b"]) == (2, ("a", "b"), 1.0, (1.0, 2))


def test_estimates_cover_at_their_rate_where_the_naive_interval_does_not() -> None:
    rng = np.random.default_rng(1)
    hits = naive = narrower = 0
    runs = 400
    for _ in range(runs):
        groups = np.repeat(np.arange(400), 5)
        base = rng.normal(0, 0.5, 400)[groups]  # Sentences of an article are alike.
        truth = np.sign(rng.normal(base, 1))
        wrong = rng.random(2000) < 0.2
        predicted = np.where(wrong, np.abs(truth), truth)  # A model that takes a fifth of the refusals for a yes.
        judged = groups < 60
        names = [str(g) for g in groups]
        split = [[n for n, j in zip(names, judged, strict=True) if j == side] for side in (True, False)]
        estimate = ppi_mean(truth[judged], predicted[judged], split[0], predicted[~judged], split[1])
        gold_only = ppi_mean(truth[judged], predicted[judged], split[0], predicted[~judged], split[1], weight=0.0)
        plain = naive_mean(predicted, names)
        hits += estimate.low <= 0 <= estimate.high
        naive += plain.low <= 0 <= plain.high
        narrower += estimate.high - estimate.low < gold_only.high - gold_only.low
    assert 0.92 <= hits / runs <= 0.98
    assert naive / runs < 0.2
    assert narrower / runs > 0.95


def test_estimates_of_a_run_rest_on_what_was_drawn_at_random(harbour: Path) -> None:
    seen = [observation(f"a{k}", 0, 0.9) for k in range(30)]
    end = len(SENTENCES[0])
    truth = [line(f"a{k}", label="oppose", chosen="random" if k < 8 else "uncertain") for k in range(16)]
    truth += [line("a20", label="none", chosen="random")]
    judged = load_gold([write(harbour / "gold.jsonl", *truth)]).judgements
    assert judged[0].end == end
    ((actor, issue, plain, m),) = estimates(seen, judged, by_actor=True)
    assert (actor, issue, plain.value) == ("norland", "base", pytest.approx(0.9))
    assert m is not None
    assert (m.n_gold, m.n_all) == (9, 30)
    assert m.value == pytest.approx(-8 / 9)
    assert -1 <= m.low < -8 / 9 < m.high <= 1
    assert estimates(seen, judged[8:], by_actor=False)[0][3] is None


def test_an_estimate_needs_two_articles() -> None:
    with pytest.raises(InputError, match="two judged articles"):
        ppi_mean([1.0], [1.0], ["a"], [1.0, 0.0], ["b", "c"])


def unit(gold: str, found: str, article: str = "a1", *, judged: bool = True) -> Unit:
    support = {"support": 0.9, "mixed": 0.6}.get(found, 0.1)
    oppose = {"oppose": 0.9, "mixed": 0.6}.get(found, 0.1)
    return Unit(article, 0, "norland", "base", "Text.", gold, judged, found, support, oppose, "own", (0.0, 0.0))  # type: ignore[arg-type]


def test_wrong_signs_are_told_from_misses_and_extras() -> None:
    units = [unit("support", "support"), unit("oppose", "support"), unit("oppose", "none"), unit("none", "none")]
    result = figures([*units, unit("none", "oppose", judged=False), unit("mixed", "support")])
    assert result["sign_errors"]["value"] == 1 / 4
    assert result["sign_errors_of_found"]["value"] == 1 / 2
    assert result["f1"] == {"support": 2 / 3, "oppose": 0.0, "none": 2 / 3}
    p = result["positions"]
    assert (p["right"], p["sign_wrong"], p["extra"], p["missed"]) == (2, 1, 1, 1)
    assert result["judgements"] == 5


def test_found_mixed_is_no_hit_where_one_side_is_marked() -> None:
    assert figures([unit("support", "mixed")])["sign_errors"]["value"] == 1
    assert figures([unit("mixed", "mixed")])["positions"]["right"] == 1


def test_coverage_and_risk_go_from_the_surest_to_all() -> None:
    curve = figures([unit("support", "support") for _ in range(9)] + [unit("none", "mixed")])["coverage_risk"]
    assert curve[0][1] == 0.0
    assert curve[-1] == (1.0, pytest.approx(0.1))


def test_a_paired_test_sees_a_difference_and_none_between_equals() -> None:
    articles = [f"a{k}" for k in range(12)]
    good = figures([unit(g, g, a) for a in articles for g in ("support", "oppose", "none")])
    bad = figures([unit(g, "support", a) for a in articles for g in ("support", "oppose", "none")])
    assert compare(good, bad)["p"] < 0.05
    assert compare(good, bad)["difference"] > 0.5
    assert compare(good, good)["p"] == 1


def cell(period: str, stance: str, value: float | None) -> Cell:
    return Cell("norland", "base", period, stance, value, None, None, 1, 0, 1, 1, "", "")  # type: ignore[arg-type]


def test_cells_are_compared_by_sign_and_blank_is_missed() -> None:
    keys = {(p, "norland", "base", "cell"): label for p, label in (("2024-01", "support"), ("2024-02", "oppose"))}
    gold = {**keys, ("2024-03", "norland", "base", "cell"): "support"}
    found = [cell("2024-01", "support", 0.9), cell("2024-02", "support", 0.8), cell("2024-04", "mixed", 0.0)]
    result = cell_agreement(gold, [*found, cell("2024-03", "none", None)])  # type: ignore[arg-type]
    counts = {k: result[k] for k in ("right", "opposite", "between", "missed", "extra")}
    assert counts == {"right": 1, "opposite": 1, "between": 0, "missed": 1, "extra": 1}


def test_a_cell_without_a_position_is_right_when_blank() -> None:
    gold = {(p, "norland", "base", "cell"): "none" for p in ("2024-01", "2024-02", "2024-03")}
    found = [cell("2024-01", "support", 0.9), cell("2024-02", "none", None)]
    result = cell_agreement(gold, found)  # type: ignore[arg-type]
    assert (result["right"], result["extra"], result["opposite"], result["missed"]) == (2, 1, 0, 0)


def observation(article: str, number: int, strength: float) -> Observation:
    text = SENTENCES[number]
    return Observation(
        article, "2024-03-01", number, 0, len(text), text, "norland", "base", "support", strength, strength, 0.0, "own"
    )


def test_tasks_go_to_tools_and_come_back_as_gold(harbour: Path) -> None:
    config = load_config(harbour / "harbour.yaml")
    seen = [observation(f"a{k}", 0, 0.5) for k in range(20)]
    tasks = sample(seen, [], config, 10, seed=3)
    assert tasks == sample(seen, [], config, 10, seed=3)
    assert sorted({t["chosen"] for t in tasks}) == ["random", "uncertain"]
    assert not any(word in json.dumps(tasks) for word in ('"value"', '"stance"'))

    doccano = harbour / "tasks.jsonl"
    write_tasks(tasks, doccano)
    rows = [json.loads(x) | {"label": ["oppose"]} for x in doccano.read_text().splitlines()]
    rows[0]["label"] = []
    coded = read_coded(write(harbour / "exported.jsonl", *rows), "c")
    assert len(coded) == 9
    assert {x.label for x in coded} == {"oppose"}

    studio = harbour / "tasks.json"
    write_tasks(tasks, studio)
    exported = [
        task | {"annotations": [{"result": [{"value": {"choices": ["none"]}}], "created_at": "2026-11-28T10:00:00Z"}]}
        for task in json.loads(studio.read_text())
    ]
    studio.write_text(json.dumps(exported))
    assert [x.label for x in read_coded(studio, "d")] == ["none"] * 10
    with pytest.raises(InputError, match="--coder"):
        read_coded(studio, None)
    with pytest.raises(InputError, match="10 tasks, none of them labelled"):
        read_coded(doccano, "c")
    with pytest.raises(InputError, match="has no article, start"):
        read_coded(write(harbour / "articles2.jsonl", {"id": "a", "text": "No task."}), "c")


def test_what_is_judged_is_not_proposed_again(harbour: Path) -> None:
    config = load_config(harbour / "harbour.yaml")
    seen = [observation(f"a{k}", 0, 0.5) for k in range(5)]
    known = [("a1 0-" + str(len(SENTENCES[0])), "norland", "base", "sentence")]
    assert {t["article"] for t in sample(seen, [], config, 10, known=known)} == {"a0", "a2", "a3", "a4"}


def test_merging_twice_changes_nothing_and_a_change_of_mind_is_a_conflict(harbour: Path) -> None:
    old = load_gold([write(harbour / "gold.jsonl", line(), line(coder="b"))]).judgements
    merged, conflicts = merge(old, old)
    assert (merged, conflicts) == (list(old), [])
    new = load_gold([write(harbour / "new.jsonl", line(label="support"), line(number=2, label="none"))]).judgements
    merged, conflicts = merge(old, new)
    assert len(merged) == 3
    assert merged[0].label == "oppose"
    assert "a said oppose, now support" in conflicts[0]


def call(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.output + result.stderr


def judged(harbour: Path) -> Path:
    return write(
        harbour / "gold.jsonl",
        *(line(f"a{k}", n, coder=c, label=x) for k in (1, 2) for n, x in ((0, "oppose"), (1, "none")) for c in "ab"),
        {k: v for k, v in line(period="2024-03").items() if k not in ("article", "start", "end", "sentence")},
    )


def test_floors_hold_what_was_measured(harbour: Path) -> None:
    gold, floors = judged(harbour), harbour / "floors.json"
    scorer = make_tiny(harbour / "model", 1)
    result = evaluate(
        [gold], harbour / "harbour.yaml", harbour / "out", scorer, inputs=[str(harbour / "articles.jsonl")]
    )
    assert (result["judgements"], result["cells"]["judged"]) == (4, 1)
    prints = floor_hashes([gold], [harbour / "articles.jsonl"])
    with pytest.raises(InputError, match="no floors for 'x'"):
        check_floors(floors, "x", result, prints)
    write_floors(floors, "x", result, prints, allow_regression=False)
    assert check_floors(floors, "x", result, prints) == []
    floor = result["macro_f1"]["value"]
    worse = result | {"macro_f1": {"value": floor - 0.1}}
    assert f"the floor {floor:.3f}" in check_floors(floors, "x", worse, prints)[0]
    with pytest.raises(InputError, match="--allow-regression"):
        write_floors(floors, "x", worse, prints, allow_regression=False)
    write_floors(floors, "x", worse, prints, allow_regression=True)
    assert check_floors(floors, "x", worse, prints) == []
    with gold.open("a") as stream:
        stream.write(json.dumps(line("a1", 2, label="none")) + "\n")
    with pytest.raises(InputError, match="gold of 'x' changed"):
        check_floors(floors, "x", result, floor_hashes([gold], [harbour / "articles.jsonl"]))


def test_drift_is_told_before_anything_is_scored(harbour: Path) -> None:
    gold = write(harbour / "gold.jsonl", line(sentence="0" * 16), line("a9"))
    scorer = make_tiny(harbour / "model", 1)
    with pytest.raises(InputError) as told:
        evaluate([gold], harbour / "harbour.yaml", harbour / "out", scorer, inputs=[str(harbour / "articles.jsonl")])
    assert f"{gold}:1" in str(told.value)
    assert "text has changed" in str(told.value)
    assert f"{gold}:2" in str(told.value)
    assert not (harbour / "out").exists()


def test_eval_on_the_command_line(harbour: Path) -> None:
    gold, floors = judged(harbour), harbour / "floors.json"
    code, text = call(
        "eval", gold, "-c", harbour / "harbour.yaml", "-o", harbour / "out", "--articles", harbour / "articles.jsonl",
        "--floors", floors, "--write-floors",
    )  # fmt: skip
    assert code == 0, text
    assert "TF-IDF, logistic" in text
    assert "Where it fails" in (harbour / "out" / "eval.md").read_text()
    assert '"macro_f1":' in (harbour / "out" / "report.html").read_text()
    held = json.loads(floors.read_text())
    held["gold"]["floors"]["sign_errors"] = -1.0
    floors.write_text(json.dumps(held))
    again = ["eval", gold, "-c", harbour / "harbour.yaml", "-o", harbour / "out", "--floors", floors]
    code, text = call(
        *again, "--articles", harbour / "articles.jsonl", "--against", harbour / "out" / "eval.json", "--threads", 1
    )
    assert code == 1, text
    assert "macro-F1 +0.000" in text
    drawn = write(harbour / "drawn.jsonl", line("a1", 0, chosen="random"))
    code, text = call("eval", drawn, "-c", harbour / "harbour.yaml", "-o", harbour / "out")
    assert code == 0, text
    assert "positions among sampled sentences" in text
    positions = json.loads((harbour / "out" / "eval.json").read_text())["positions"]
    assert sum(positions[k] for k in ("right", "sign_wrong", "extra", "missed")) <= 1


def test_gold_commands(harbour: Path) -> None:
    articles = str(harbour / "articles.jsonl")
    pipeline.run(harbour / "out", harbour / "harbour.yaml", make_tiny(harbour / "model", 1), inputs=[articles])
    gold = write(harbour / "gold.jsonl", line(), line(coder="b", label="support"), line(number=1, label="none"))
    code, text = call("gold", "agree", gold)
    assert code == 0
    assert "1 judged twice" in text
    assert call("gold", "sample", harbour / "out", "-o", harbour / "tasks.jsonl", "-n", 3, "--known", gold)[0] == 0
    (harbour / "all.jsonl").touch()
    assert call("gold", "merge", gold, "--into", harbour / "all.jsonl")[0] == 0
    before = (harbour / "all.jsonl").read_text()
    assert call("gold", "merge", gold, "--into", harbour / "all.jsonl")[0] == 0
    assert (harbour / "all.jsonl").read_text() == before
    write(harbour / "other.jsonl", line(label="mixed"))
    code, text = call("gold", "merge", harbour / "other.jsonl", "--into", harbour / "all.jsonl")
    assert code == 1
    assert "kept oppose" in text
