"""A YAML file -> Config, or every fault in it with file and line.

Every scalar of the file is taken as text: `no`, `2017-08` and `42` mean what they look like, whatever YAML makes of
them.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from stance.config.models import HOLDER, Actor, Config, Issue, Person, Propositions
from stance.data import SIDES
from stance.errors import ConfigError

Place = tuple[str | int, ...]
"""Where in a config something stands, e.g. ("issues", "tariff", "propositions", "support", 0)."""

_DEPTH = 8  # The deepest legal value is at 6; a YAML anchor that holds itself would never end.


def load_config(path: Path) -> Config:
    """Read a topic. Raises ConfigError with every fault found, one a line: `file:line: place: found, expected`."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a YAML file as in configs/") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}{_yaml_fault(error, text)}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply; write it as in configs/") from error
    if node is None:
        raise ConfigError(f"{path}: is empty; expected {_keys(())}; begin with a copy of a file in configs/")
    lines: dict[Place, int] = {}
    faults: list[tuple[Place, str]] = []
    tree = _plain(node, (), lines, faults)
    try:
        config = Config.model_validate(tree, by_alias=True, by_name=False)
    except ValidationError as error:
        faults += [_form_fault(dict(e)) for e in error.errors()]
    else:
        faults = faults or list(_cross_faults(config, lines))
        if not faults:
            return config
    raise ConfigError("\n".join(_place_faults(path, faults, lines)))


def guess(word: str, known: list[str]) -> str:
    """`; did you mean 'x'?`, or nothing if no known word is near."""
    near = get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _plain(node: yaml.Node, place: Place, lines: dict[Place, int], faults: list[tuple[Place, str]]) -> Any:
    """Nodes -> dicts, lists, text and None, with the line of every place. YAML itself would keep the last of two equal
    keys and say nothing."""
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else node.value
    if len(place) > _DEPTH:
        faults.append((place, "is nested too deeply; write it as in configs/"))
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*place, k), lines, faults) for k, child in enumerate(node.value)]
    tree: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            lines.setdefault((*place, "?"), key.start_mark.line + 1)
            faults.append(((*place, "?"), "found braces or brackets as a key; put quotation marks around the text"))
        elif key.value in tree:
            first = lines[(*place, key.value)]
            lines[(*place, key.value, "again")] = key.start_mark.line + 1
            faults.append(((*place, key.value, "again"), f"{key.value!r} is there already (line {first}); rename one"))
        else:
            lines[(*place, key.value)] = key.start_mark.line + 1
            tree[key.value] = _plain(value, (*place, key.value), lines, faults)
    return tree


def _yaml_fault(error: yaml.YAMLError, text: str) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        reason = " ".join(str(getattr(error, "reason", error)).split())
        return f": is not YAML ({reason}); name a YAML file as in configs/"
    near = text.splitlines()[max(0, mark.line - 1) : mark.line + 1]
    quotes = any(re.search(r"(?:-|\[|:|,)\s*\{actor\}", line) for line in near)
    advice = f'put quotation marks around templates that begin with {HOLDER}: "{HOLDER} accepts ..."'
    advice = advice if quotes else "mend the indentation, the colons or the quotation marks there"
    return f":{mark.line + 1}: is not YAML ({getattr(error, 'problem', None) or 'broken'}); {advice}"


def _model(place: Place) -> type[BaseModel]:
    match place:
        case ("actors", _):
            return Actor
        case ("actors", _, "people", _):
            return Person
        case ("issues", _):
            return Issue
        case ("issues", _, "propositions"):
            return Propositions
    return Config


def _known(place: Place) -> list[str]:
    return [field.alias or name for name, field in _model(place).model_fields.items()]


def _keys(place: Place) -> str:
    return f"the keys {', '.join(_known(place))}"


_EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "string_too_short": "text",
    "string_pattern_mismatch": "an id: a small letter, then small letters, digits or _, e.g. joint_operations",
    "too_short": "at least one entry",
}


def _form_fault(error: dict[str, Any]) -> tuple[Place, str]:
    """What pydantic found, said as the rest of the project says it."""
    place: Place = tuple(part for part in error["loc"] if part != "[key]")
    kind, found = error["type"], error["input"]
    if kind == "extra_forbidden":
        known, key = _known(place[:-1]), str(place[-1])
        return place, f"unknown key{guess(key, known)}; known keys: {', '.join(known)}"
    if kind == "missing":
        return place[:-1], f"{place[-1]!r} is missing; expected {_keys(place[:-1])}"
    if kind not in _EXPECTED:
        return place, str(error["msg"]).removeprefix("Value error, ")
    what = "a mapping" if isinstance(found, dict) else "a list" if isinstance(found, list) else repr(found)
    what = what if found else "nothing"
    expected = _EXPECTED[kind]
    if kind == "string_type" and isinstance(found, dict):
        expected += " (in quotation marks where it begins with a brace or holds a colon)"
    if kind == "list_type" and isinstance(found, str):
        expected += f" ([{found!r}] or one entry a line behind a dash)"
    return place, f"found {what}, expected {expected}"


def _cross_faults(config: Config, lines: dict[Place, int]) -> Iterator[tuple[Place, str]]:
    """What can only be seen by looking at several entries."""
    names: dict[str, list[tuple[str, Place, bool]]] = {}
    for place, name, dated in _names(config):
        actor = str(place[1])
        for other, first, also_dated in names.setdefault(name.casefold(), []):
            if other != actor and not (dated and also_dated):
                line = lines.get(first, 0)
                only = "only people with dates may stand for two actors: take one out"
                yield place, f"{name!r} stands for {other} already (line {line}); {only}"
                break
        names[name.casefold()].append((actor, place, dated))
    templates: dict[str, Place] = {}
    for name, issue in config.issues.items():
        for k, actor in enumerate(issue.actors or ()):
            place = ("issues", name, "actors", k)
            if actor not in config.actors:
                known = list(config.actors)
                yield place, f"unknown actor {actor!r}{guess(actor, known)}; known actors: {', '.join(known)}"
            elif actor in (issue.actors or ())[:k]:
                yield place, f"{actor!r} is in the list already; take one out"
        for side in SIDES:
            for k, template in enumerate(getattr(issue.propositions, side)):
                place = ("issues", name, "propositions", side, k)
                first = templates.setdefault(" ".join(template.casefold().split()), place)
                if first != place:
                    yield place, f"{template!r} is there already (line {lines.get(first, 0)}); reword or take out one"


def _names(config: Config) -> Iterator[tuple[Place, str, bool]]:
    """Place, name, and whether it is a person's with a date, for every name that stands for an actor."""
    for actor, entry in config.actors.items():
        yield ("actors", actor, "label"), entry.label, False
        for k, alias in enumerate(entry.aliases):
            yield ("actors", actor, "aliases", k), alias, False
        for k, person in enumerate(entry.people):
            yield ("actors", actor, "people", k), person.name, bool(person.from_ or person.to)


def _place_faults(path: Path, faults: list[tuple[Place, str]], lines: dict[Place, int]) -> Iterator[str]:
    def line(place: Place) -> int:
        while place and place not in lines:
            place = place[:-1]
        return lines.get(place, 1)

    for place, message in sorted(faults, key=lambda fault: line(fault[0])):
        named = ".".join(str(part) for part in place if part not in ("again", "?"))
        yield f"{path}:{line(place)}: {named + ': ' if named else ''}{message}"
