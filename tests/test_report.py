"""The files of a run: whole or absent, readable by a spreadsheet without harm, with every sentence as it was."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from io import StringIO
from pathlib import Path

import networkx
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from stance.config import Actor, Config, Issue, Propositions
from stance.data import Cell, Observation, Stance
from stance.errors import InputError
from stance.exports import export
from stance.files import safe
from stance.matrix import cells, points
from stance.plots import plot_cell, plot_matrix
from stance.report import (
    render_table,
    write_articles,
    write_manifest,
    write_matrix,
    write_observations,
    write_wide,
)
from stance.turns import turns

SIDES = Propositions(support=["{actor} wants it"], oppose=["{actor} rejects it"])
CONFIG = Config(
    name="rivers",
    actors={"up": Actor(label="Upland <i>", aliases=["Upland"]), "down": Actor(label="Lowland", aliases=["Lowland"])},
    issues={"dam": Issue(label="The & dam", propositions=SIDES)},
)


def seen(value: float, article: str = "a1", index: int = 0, date: str = "2017-10-22", actor: str = "up") -> Observation:
    stance: Stance = "support" if value > 0 else "oppose"
    text = f"Sentence {index} <b>here</b>."
    sides = (1 + value) / 2, (1 - value) / 2
    return Observation(article, date, index, 0, 9, text, actor, "dam", stance, value, *sides, "own")


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_matrix_is_tidy_rounded_and_blank_where_nothing_is_known(tmp_path: Path) -> None:
    found = list(cells([seen(-0.5), seen(-0.00001, index=1)])) + list(cells([seen(0.5)], min_sentences=2))
    write_matrix(found, tmp_path)
    assert (tmp_path / "stance_matrix.csv").read_bytes() == (
        b"actor,issue,period,stance,value,ci_low,ci_high,support,oppose,n_sentences,n_articles,top_sentence,top_article\n"
        b"up,dam,2017-10,oppose,-0.2500,-0.9739,0.9146,0,2,2,1,Sentence 0 <b>here</b>.,a1\n"
        b"up,dam,2017-10,none,,,,1,0,1,1,Sentence 0 <b>here</b>.,a1\n"
    )


def test_the_wide_matrix_has_periods_across_in_order(tmp_path: Path) -> None:
    late, early = seen(0.5, date="2018-01-02"), seen(-0.5, date="2012-06", actor="down")
    write_wide([*cells([late]), *cells([early]), *cells([seen(0.9, date="2012-06")], min_sentences=2)], tmp_path)
    assert rows(tmp_path / "stance_matrix_wide.csv") == [
        ["actor", "issue", "2012-06", "2018-01"],
        ["up", "dam", "", "0.5000"],
        ["down", "dam", "-0.5000", ""],
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_sentence_comes_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    out = tmp_path_factory.mktemp("any")
    found = [replace(seen(-1 / 3, index=k), sentence=text, copy_of="é") for k, text in enumerate(texts)]
    write_observations(iter(found), out)
    head, *body = rows(out / "observations.csv")
    assert head == [f.name for f in fields(Observation)][:-1]
    assert [row[5] for row in body] == [safe(text) for text in texts]
    assert [row[9] for row in body] == ["-0.3333"] * len(texts)  # A negative number stays a number.
    assert [Observation(**row) for row in pq.read_table(out / "observations.parquet").to_pylist()] == found


ODD = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "שלום", "emoji 🎉", 'a "b", c\nd', "a\rb", "'q"]


@pytest.mark.parametrize("text", ODD)
def test_text_is_safe_in_a_spreadsheet_and_otherwise_untouched(tmp_path: Path, text: str) -> None:
    write_articles([{"article_id": "a", "title": text}], tmp_path)
    (title,) = [row[1] for row in rows(tmp_path / "articles.csv")[1:]]
    assert title == ("'" + text if text[0] in "=+-@\t\r" else text)


def test_articles_have_their_columns_and_no_others(tmp_path: Path) -> None:
    write_articles([{"article_id": "a", "status": "rejected", "reason": "empty", "n_sentences": 0}], tmp_path)
    head, row = rows(tmp_path / "articles.csv")
    assert ",".join(head) == (
        "article_id,title,date,date_source,source,url,path,status,reason,n_sentences,n_characters,dropped"
    )
    assert ",".join(row) == "a,,,,,,,rejected,empty,0,,"
    with pytest.raises(KeyError, match="colour"):
        write_articles([{"article_id": "a", "colour": "red"}], tmp_path)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def failing() -> Iterator[Observation]:
        yield seen(0.5)
        raise KeyboardInterrupt

    write_observations([seen(0.9)], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(KeyboardInterrupt):
        write_observations(failing(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_manifest_is_sorted_and_readable(tmp_path: Path) -> None:
    write_manifest({"b": "é", "a": {"d": 1, "c": 2}}, tmp_path)
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"a": {"c": 2, "d": 1}, "b": "é"}
    assert text.index('"a"') < text.index('"c"') < text.index('"b"')
    assert "é" in text


def printed(found: list[Cell]) -> list[str]:
    console = Console(width=100, file=StringIO(), record=True)
    console.print(render_table(found, CONFIG))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_the_table_has_few_periods_across() -> None:
    found = [*cells([seen(0.9, date="2012-06"), seen(-0.92)]), *cells([seen(0.5, actor="down")], min_sentences=2)]
    assert printed(found)[:5] == [
        "                2012-06    2017-10",
        " Upland <i>",
        "   The & dam  +0.90 (1)  -0.92 (1)",
        " Lowland",
        "   The & dam                   (1)",
    ]


def test_the_table_sets_many_periods_one_after_another_and_says_what_it_leaves_out() -> None:
    months = [f"{year}-{month:02}" for year in (2012, 2013) for month in range(1, 11)]
    text = printed(list(cells([seen(0.9, date=month) for month in months])))
    assert text[2] == "   The & dam  2012-01 +0.90 (1)  2012-02 +0.90 (1)  2012-03 +0.90 (1)"
    assert text[4].strip() == "... 9 more periods: stance_matrix.csv ..."
    assert text[6] == "              2013-09 +0.90 (1)  2013-10 +0.90 (1)"
    assert "no cell: no dated sentence" in " ".join(printed([]))


def test_observation_fields_are_the_columns_of_the_parquet_file(tmp_path: Path) -> None:
    write_observations([seen(0.1)], tmp_path)
    assert pq.read_schema(tmp_path / "observations.parquet").names == list(asdict(seen(0.1)))


def test_exports_are_read_by_other_programs(tmp_path: Path) -> None:
    found = list(cells(sorted([seen(0.9), seen(-0.4, "a2"), seen(-0.9, actor="down")], key=lambda o: o.actor)))
    table = pq.read_table(export(found, CONFIG, tmp_path / "new" / "m.parquet")).to_pylist()
    assert [(row["actor"], row["support"], row["oppose"]) for row in table] == [("down", 0, 1), ("up", 1, 1)]
    graph = networkx.read_graphml(export(found, CONFIG, tmp_path / "m.graphml"))
    ties = re.findall(r'<edge [^>]*id="([^"]*)"', (tmp_path / "m.graphml").read_text())
    assert len(set(ties)) == len(ties) == graph.number_of_edges(), "Gephi leaves out a tie whose id it knows"
    assert graph.nodes["actor:up"]["label"] == "Upland <i>"
    ties = [(a, b, d["tie"], d["weight"], d["period"]) for a, b, d in graph.edges(data=True)]
    assert ("actor:up", "issue:dam", "agree", 1, "2017-10") in ties
    assert ("actor:up", "issue:dam", "disagree", 1, "2017-10") in ties
    assert rows(export(found, CONFIG, tmp_path / "wide.csv"))[0] == ["actor", "issue", "2017-10"]
    with pytest.raises(InputError, match=r"\.parquet, \.graphml, \.csv"):
        export(found, CONFIG, tmp_path / "m.xlsx")


def test_plots_are_files_of_the_kind_named_and_the_same_every_time(tmp_path: Path) -> None:
    found = list(cells([seen(0.9), seen(-0.4, "a2"), seen(-0.9, "a3", date="2017-12-01")]))
    dated = points([seen(0.9), seen(-0.9, "a3", date="2017-12-01")])
    turned = turns([("up", "dam", dated)])
    for suffix, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        assert plot_matrix(found, CONFIG, tmp_path / f"m{suffix}").read_bytes().startswith(start)
        assert plot_cell(dated, found, turned, "Dam", "month", tmp_path / f"c{suffix}").read_bytes().startswith(start)
    first = (tmp_path / "m.svg").read_bytes()
    assert b"2017-12" in first
    assert plot_matrix(found, CONFIG, tmp_path / "m.svg").read_bytes() == first
    assert plot_cell(dated, found, turned, "From $5 (50%) to $10", "month", tmp_path / "c.png").exists()
    with pytest.raises(InputError, match=r"one of \.png, \.svg, \.pdf"):
        plot_matrix(found, CONFIG, tmp_path / "m.jpg")
    many = [replace(c, period=f"2017-{m:02}") for c in found for m in range(1, 9)]
    with pytest.raises(InputError, match="give --period year or all"):
        plot_matrix(many, CONFIG, tmp_path / "m.png")
