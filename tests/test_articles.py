"""The articles of a store: what replaces what, what stays beside it, and which of two copies is the original."""

import json
from pathlib import Path
from typing import Any

import pytest

from stance.data import Article, Rejected
from stance.ingest import read_articles, sentences
from stance.scores import Store, Stored

BODY = "The harbour board turned down the new crane on Monday. Its chair called the price a bad joke."
OTHER = "The fishermen's union welcomed the vote. It had asked for a cheaper machine since the spring."
THIRD = "Nobody at the ministry would say who had ordered the drawings. The minister was abroad all week."


def write(path: Path, *content: str | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in content))
    return path


def add(out: Path, *inputs: Path, replace: bool = False) -> int:
    """Read inputs into the store as the pipeline does; how many articles were added."""
    found = read_articles([str(name) for name in inputs])
    with Store(out, "harbour") as store:
        items = ((i, list(sentences(i))) if isinstance(i, Article) else i for i in found)
        return store.write_articles(items, replace=replace)


def held(out: Path) -> list[tuple[str, str]]:
    """(id, text or reason) of all that the store holds, in order."""
    with Store(out, write=False) as store:
        return [
            (i.article.id, i.article.text) if isinstance(i, Stored) else (i.id, i.reason.split(":")[0])
            for i in store.read_articles()
        ]


def copies(out: Path) -> dict[str, str]:
    with Store(out, write=False) as store:
        return store.copies()


@pytest.mark.parametrize("replace", [True, False], ids=["run", "score"])
def test_a_duplicate_is_listed_beside_its_article(replace: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "a.txt", BODY)
    add(tmp_path / "out", path.parent, path, path, replace=replace)
    assert held(tmp_path / "out") == [("a.txt", BODY), ("a.txt", "duplicate"), ("a.txt", "duplicate")]
    with Store(tmp_path / "out", write=False) as store:
        assert store.refusals() is None


@pytest.mark.parametrize("replace", [True, False], ids=["run", "score"])
def test_a_record_repeated_many_times_is_kept_once_and_listed_each_time(replace: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *[{"id": "x", "text": BODY}] * 400, {"id": "x", "text": " "})
    add(tmp_path / "out", path, replace=replace)
    again = [("x", "duplicate")] * 399 + [("x", "line 401")]
    assert held(tmp_path / "out") == [("x", BODY), *again]
    assert add(tmp_path / "out", path) == 0
    assert held(tmp_path / "out") == [("x", BODY), *again]


def test_an_article_never_loses_to_a_rejection_of_its_id(tmp_path: Path) -> None:
    add(tmp_path / "out", write(tmp_path / "jan" / "1.txt", BODY))
    add(tmp_path / "out", write(tmp_path / "feb" / "1.txt", ""), write(tmp_path / "jan" / "1.txt", " "))
    assert held(tmp_path / "out") == [("1.txt", BODY), ("1.txt", "empty"), ("1.txt", "empty")]


def test_a_mended_file_takes_the_place_of_its_rejection(tmp_path: Path) -> None:
    add(tmp_path / "out", write(tmp_path / "jan" / "1.txt", ""), write(tmp_path / "feb" / "1.txt", ""))
    add(tmp_path / "out", write(tmp_path / "jan" / "1.txt", BODY))
    assert held(tmp_path / "out") == [("1.txt", "empty"), ("1.txt", BODY)]
    assert add(tmp_path / "out", write(tmp_path / "jan" / "1.txt", " ")) == 0
    assert held(tmp_path / "out") == [("1.txt", "empty"), ("1.txt", BODY), ("1.txt", "empty")]


def test_files_of_one_name_from_two_folders_are_two_articles(tmp_path: Path) -> None:
    jan, feb = write(tmp_path / "jan" / "1.txt", BODY), write(tmp_path / "feb" / "1.txt", OTHER)
    assert add(tmp_path / "out", jan.parent, replace=True) == 1
    assert add(tmp_path / "out", feb.parent) == 1
    (first, text), (second, other) = held(tmp_path / "out")
    assert (first, text, other) == ("1.txt", BODY, OTHER)
    assert second == [item.id for item in read_articles([str(jan), str(feb)])][1], "one rule for run and score"
    for inputs in ([feb], [jan, feb], [feb, jan], [feb.parent, jan.parent]):
        assert add(tmp_path / "out", *inputs) == 0, "what is there already is known, whatever it was renamed"
    write(feb, THIRD)
    assert add(tmp_path / "out", feb, jan) == 1
    assert held(tmp_path / "out") == [("1.txt", BODY), (second, THIRD)], "an edited file keeps the id it was given"
    write(jan, OTHER)
    assert add(tmp_path / "out", jan) == 1
    assert dict(held(tmp_path / "out")) == {"1.txt": OTHER, second: THIRD}
    add(tmp_path / "out", write(tmp_path / "mar" / "1.txt", OTHER + " " + BODY))
    assert len(held(tmp_path / "out")) == 3


def test_records_of_one_id_from_two_files_are_two_articles(tmp_path: Path) -> None:
    jan = write(tmp_path / "jan.jsonl", {"id": "x", "text": BODY})
    feb = write(tmp_path / "feb.jsonl", {"id": "x", "text": OTHER}, {"id": "x", "text": THIRD})
    add(tmp_path / "out", jan)
    assert add(tmp_path / "out", feb) == 2
    assert [text for _, text in held(tmp_path / "out")] == [BODY, OTHER, THIRD]
    assert add(tmp_path / "out", feb, jan) == 0
    assert add(tmp_path / "out", write(jan, {"id": "x", "text": BODY}, {"id": "x", "text": OTHER + " " + THIRD})) == 1
    assert len({id for id, _ in held(tmp_path / "out")}) == 4
    assert add(tmp_path / "out", write(tmp_path / "mar.jsonl", {"id": "x", "text": BODY, "date": "2021-03-04"})) == 1
    assert len(held(tmp_path / "out")) == 4, "a known text is the same article, and may get a date"


def test_next_weeks_export_of_one_name_adds_to_last_weeks(tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    assert add(tmp_path / "out", write(export, {"text": BODY})) == 1
    assert add(tmp_path / "out", write(export, {"text": OTHER}, {"text": BODY})) == 2
    assert sorted(text for _, text in held(tmp_path / "out")) == sorted([BODY, BODY, OTHER])
    assert len(copies(tmp_path / "out")) == 1
    assert add(tmp_path / "out", export) == 0


def test_a_source_that_was_mended_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    add(tmp_path / "out", write(path, {"id": "x", "text": BODY}))
    assert add(tmp_path / "out", write(path, {"id": "x", "text": BODY, "source": "Harbour Post"})) == 1
    assert held(tmp_path / "out") == [("x", BODY)]


def test_the_name_of_a_folder_is_no_column(tmp_path: Path) -> None:
    out = tmp_path / "date=2024-01-08" / "id=7"
    add(out, write(tmp_path / "a.jsonl", {"id": "x", "text": BODY}, {"id": "y", "text": OTHER}))
    assert held(out) == [("x", BODY), ("y", OTHER)]


def test_two_texts_from_standard_input_are_two_articles(tmp_path: Path) -> None:
    with Store(tmp_path / "out", "harbour") as store:
        for text in (BODY, OTHER, BODY):
            article = Article("stdin", text, path="-")
            store.write_articles([(article, list(sentences(article)))], replace=False)
    assert [text for _, text in held(tmp_path / "out")] == [BODY, OTHER]


def test_a_rejection_is_listed_once_however_often_it_is_scored(tmp_path: Path) -> None:
    with Store(tmp_path / "out", "harbour") as store:
        for _ in range(3):
            store.write_articles([Rejected("a", "a.txt", "empty")], replace=False)
        assert store.refusals() == "a (empty)"


@pytest.mark.parametrize(
    ("dates", "original"),
    [
        (("2017", "2017-10-22"), "b"),
        (("2017-10", "2018-01-03"), "b"),
        (("2017", "2017-10"), "b"),
        (("", "2017"), "b"),
        (("2017-10-22", "2017-10-21"), "b"),
        (("2017-10-22", "2017-10-22"), "a"),
        (("", ""), "a"),
    ],
)
def test_the_original_is_the_most_exactly_dated_then_the_earliest(
    dates: tuple[str, str], original: str, tmp_path: Path
) -> None:
    rows = [{"id": id, "text": BODY, "date": date} for id, date in zip("ab", dates, strict=True)]
    add(tmp_path / "out", write(tmp_path / "a.jsonl", *rows))
    assert copies(tmp_path / "out") == {"a" if original == "b" else "b": original}
