"""What the documents promise exists: pins, make targets, commands, files."""

import re
import tomllib
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stance.cli import app

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ALL = [*PROJECT["dependencies"], *(r for rs in PROJECT["optional-dependencies"].values() for r in rs)]
DECLARED = [r for r in ALL if not r.startswith("stance[")]  # an extra that names another
PAGES = ["README.md", "CONTRIBUTING.md"]


@pytest.mark.parametrize("requirement", DECLARED)
def test_every_dependency_is_pinned_within_its_bounds(requirement: str) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    wanted = Requirement(requirement)
    assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)])


def _commands(group: typer.Typer, prefix: str) -> set[str]:
    names = {f"{prefix} {c.name or (c.callback and c.callback.__name__)}" for c in group.registered_commands}
    for g in group.registered_groups:
        assert g.typer_instance is not None
        names |= _commands(g.typer_instance, f"{prefix} {g.name}")
    return names


def test_readme_names_every_command_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    exist = _commands(app, "stance")
    named = set(re.findall(r"^\| `(stance (?:model |gold )?[a-z]+)", text, re.MULTILINE))
    assert named == exist


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_and_paths_in_documents_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"`((?:stance|eval|tests|configs|seeds|models)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path
