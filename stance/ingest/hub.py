"""Hugging Face datasets: from a folder that `save_to_disk` wrote, or by name from the hub, row by row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stance.data import Article, Rejected
from stance.errors import InputError
from stance.ingest.decoding import one_line
from stance.ingest.readers import find_columns, no_text, read_rows


def is_saved_dataset(folder: Path) -> bool:
    """Whether `datasets` wrote this folder."""
    return (folder / "dataset_dict.json").exists() or (folder / "state.json").exists()


def read_dataset(name: str) -> Iterator[Article | Rejected]:
    """The rows of `NAME[:split]`, loaded at once as far as needed to see the columns; the rows are streamed.

    A folder stays on this machine; only another name is looked up on the hub. No code of the dataset is run.
    Raises InputError if it cannot be loaded, has several splits and none is named, or no text column.
    """
    import datasets

    name, _, split = name.partition(":")
    try:
        found: Any = (
            datasets.load_from_disk(name) if Path(name).is_dir() else datasets.load_dataset(name, streaming=True)
        )
    except Exception as error:  # whatever the network, the hub or the files raise, the user can do one of two things
        raise InputError(
            f"dataset {name}: {one_line(error)}; expected the name of a public dataset or a saved one's folder"
        ) from error
    if isinstance(found, dict):
        if not split and len(found) == 1:
            split = next(iter(found))
        if split not in found:
            raise InputError(
                f"dataset {name}: split {split or 'not named'}; expected hf:{name}:SPLIT, one of {', '.join(found)}"
            )
        found = found[split]
    elif split:
        raise InputError(f"dataset {name}: has no splits; expected hf:{name} instead of hf:{name}:{split}")
    first = next(iter(found.take(1)), None)
    if first is None:
        raise InputError(f"dataset {name}: no rows")
    columns = find_columns(first)
    if "text" not in columns:
        raise no_text(first, f"dataset {name}")
    rows = found.select_columns(sorted(set(columns.values())))
    return read_rows(rows, columns, f"{name}:{split}" if split else name)
