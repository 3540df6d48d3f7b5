"""What a user gets wrong is one line that helps, the right exit code, and nothing half-written."""

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stance.cli import app

CONFIG = """
name: harbour
actors:
  norland: {label: Norland, aliases: [Norland]}
issues:
  base:
    label: Base
    propositions:
      support: ["{actor} accepts the base"]
      oppose: ["{actor} rejects the base"]
"""
runner = CliRunner()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("good.yaml").write_text(CONFIG)
    Path("article.txt").write_text("Published: May 3, 2016\n\nNorland rejects the base. It said so on Monday.")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ("run nowhere.txt -c good.yaml -o out", 2, "nowhere.txt"),
        ("run nowhere/ -c good.yaml -o out --model ./none", 2, "nowhere/ does not exist"),
        ("run article.txt -c nowhere.yaml -o out", 2, "nowhere.yaml"),
        ("run article.txt -c article.txt -o out", 2, "article.txt"),
        ("run article.txt -c good.yaml -o article.txt", 2, "is a file"),
        ("run article.txt -c good.yaml -o out --model ./none", 3, "no model at"),
        ("run article.txt -c good.yaml -o out --model .", 3, "."),
        ("run article.txt -c good.yaml -o out --dtype fp16", 3, "use auto, fp32 or bf16"),
        ("run article.txt -c good.yaml -o out --period fortnight", 2, "fortnight"),
        ("run article.txt -c good.yaml -o out --aggregation vibes", 2, "vibes"),
        ("run article.txt -c good.yaml -o out --metadata nowhere.csv", 2, "nowhere.csv"),
        ("run empty.txt -c good.yaml -o out", 2, "no article could be read: empty.txt (empty)"),
        ("run table.csv -c good.yaml -o out", 2, "headline"),
        ("matrix nowhere", 2, "no run of stance"),
        ("explain nowhere --actor a --issue b", 2, "no run of stance"),
        ("report nowhere", 2, "no run of stance"),
        ("diff nowhere nowhere", 2, "no run of stance"),
        ("check nowhere.yaml", 2, "nowhere.yaml"),
        ("model info nowhere", 3, "no model at"),
    ],
)
def test_one_line_and_the_right_exit_code(here: Path, arguments: str, code: int, says: str) -> None:
    Path("empty.txt").touch()
    Path("table.csv").write_text("headline,when\nBase closes,2016-05-03\n")
    result = runner.invoke(app, arguments.split())
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    lines = [line for line in result.stderr.splitlines() if line.startswith("stance: ")]
    assert len(lines) == 1
    assert says in lines[0]
    assert not (here / "out" / "manifest.json").exists()


def test_bad_articles_never_stop_the_good_ones(here: Path) -> None:
    folder = here / "articles"
    folder.mkdir()
    (folder / "good.txt").write_bytes((here / "article.txt").read_bytes())
    (folder / "empty.txt").write_bytes(b"")
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 50)
    (folder / "broken.jsonl").write_text('{"text": "Norland accepts the base.", "date": "2016-06-01"}\n{"text": \n')
    (folder / "cut.txt.gz").write_bytes(gzip.compress(b"Norland said much. " * 500)[:60])
    (folder / "latin.txt").write_bytes("Norland's café owner rejects the base, it said.".encode("cp1252"))
    (folder / "line.txt").write_bytes(b"Norland " * 6_000_000)
    (folder / "french.txt").write_text("Le ministre a déclaré que son pays refusait la base étrangère. " * 8)
    result = runner.invoke(app, ["run", str(folder), "-c", "good.yaml", "-o", "out"])
    assert result.exit_code == 0, result.output
    rows = (here / "out" / "articles.csv").read_text().splitlines()
    status = {line.split(",")[0]: line for line in rows[1:]}
    assert ",read," in status["good.txt"]
    assert sum(",rejected," in line for line in rows) == 6
    assert all(word in "\n".join(rows) for word in ("empty", "binary", "line 2", "French", "longer than"))
    assert not list((here / "out").rglob(".tmp-*"))


def test_a_broken_config_names_file_line_and_known_keys(here: Path) -> None:
    Path("bad.yaml").write_text(CONFIG.replace("aliases", "alias"))
    result = runner.invoke(app, ["check", "bad.yaml"])
    assert result.exit_code == 2
    assert "bad.yaml:4" in result.stderr
    assert "aliases" in result.stderr


def test_check_says_what_may_go_wrong(here: Path) -> None:
    Path("odd.yaml").write_text(CONFIG.replace("accepts the base", "accepts the base and wants a road"))
    assert runner.invoke(app, ["check", "odd.yaml"]).exit_code == 0
    result = runner.invoke(app, ["check", "odd.yaml", "--strict"])
    assert result.exit_code == 1
    assert "1 issues" in result.output


def test_help_comes_without_torch() -> None:
    import subprocess
    import sys

    code = "import sys, stance.cli; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
