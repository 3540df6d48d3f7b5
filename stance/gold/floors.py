"""Floors: figures that an evaluation must reach, tied to the gold and the articles they were measured on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stance.errors import InputError

# bf16 moves a probability by up to .016, which turns a judgement or two of a set: a few thousandths of macro-F1 each.
TOLERANCE = 0.01
HIGHER = ("macro_f1", "position_f1")
LOWER = ("sign_errors",)


def measured(result: Mapping[str, Any]) -> dict[str, float]:
    """The gated figures of an evaluation."""
    return {
        "macro_f1": result["macro_f1"]["value"],
        "position_f1": result["positions"]["f1"]["value"],
        "sign_errors": result["sign_errors"]["value"],
    }


def floor_hashes(gold: Sequence[Path], inputs: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of the gold files and of everything that was read, whatever its order."""
    return {"gold": _hash(gold), "inputs": _hash(inputs)}


def _hash(paths: Sequence[Path]) -> str:
    files = sorted(f for p in paths for f in ([p] if p.is_file() else p.rglob("*")) if f.is_file())
    digests = sorted(hashlib.sha256(f.read_bytes()).hexdigest() for f in files)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); restore it, or write floors anew into another file") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds {type(found).__name__}; expected an object with an entry a gold set")
    return found


def check_floors(path: Path, name: str, result: Mapping[str, Any], fingerprints: Mapping[str, str]) -> list[str]:
    """What falls short of the floors of `name` in `path`, a line each; empty if nothing does.

    Raises InputError if there is no such entry, or if gold or inputs are not those the floors were measured on.
    """
    floors = _read(path).get(name)
    if floors is None:
        raise InputError(f"{path} has no floors for {name!r}; write them with --write-floors")
    for kind in ("gold", "inputs"):
        if floors["sha256"][kind] != fingerprints[kind]:
            raise InputError(
                f"{path}: {kind} of {name!r} changed since the floors were measured "
                f"({floors['sha256'][kind][:12]}, now {fingerprints[kind][:12]}); measure again with --write-floors"
            )
    return _short(floors["floors"], measured(result), TOLERANCE)


def _short(floors: Mapping[str, float], now: Mapping[str, float], tolerance: float) -> list[str]:
    out = [f"{k} is {now[k]:.3f}, the floor {floors[k]:.3f}" for k in HIGHER if now[k] < floors[k] - tolerance]
    return out + [f"{k} is {now[k]:.3f}, at most {floors[k]:.3f}" for k in LOWER if now[k] > floors[k] + tolerance]


def write_floors(
    path: Path, name: str, result: Mapping[str, Any], fingerprints: Mapping[str, str], *, allow_regression: bool
) -> None:
    """Set the floors of `name` to what was measured. Raises InputError if one would fall and that is not allowed."""
    everything, now = _read(path), measured(result)
    if name in everything and not allow_regression and (lower := _short(everything[name]["floors"], now, 0.0)):
        raise InputError(f"{path}: {'; '.join(lower)}; lower a floor with --allow-regression, and say why in the log")
    everything[name] = {"sha256": dict(fingerprints), "floors": {k: round(v, 4) for k, v in now.items()}}
    path.write_text(json.dumps(dict(sorted(everything.items())), indent=1) + "\n", encoding="utf-8")
