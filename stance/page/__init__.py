"""The page of a run: one file with everything in it, for a browser without a network."""

import base64
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from stance.files import atomic


def html(payload: dict[str, Any], scripts: tuple[str, ...] = ("page.js",)) -> str:
    """The page that shows `payload` (see `stance.page.data`). Nothing in it is fetched, and only its own scripts run:
    they and its styles are named by hash in its Content-Security-Policy."""
    read = files("stance.page")
    style = read.joinpath("page.css").read_text(encoding="utf-8")
    code = [read.joinpath(name).read_text(encoding="utf-8") for name in scripts]
    policy = [
        "default-src 'none'",
        "style-src " + _source(style),
        "script-src " + " ".join(map(_source, code)),
        f"connect-src {chr(39)}{'self' if payload['live'] else 'none'}{chr(39)}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.from_string(read.joinpath("page.html").read_text(encoding="utf-8")).render(
        policy="; ".join(policy),
        name=payload["name"],
        style=style,
        code=code,
        # "<" can end the element it stands in, whatever JSON says.
        data=json.dumps(payload, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    )


def write_page(payload: dict[str, Any], out_dir: Path) -> Path:
    """Write report.html."""
    path = out_dir / "report.html"
    with atomic(path) as file:
        file.write(html(payload))
    return path


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
