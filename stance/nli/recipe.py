"""A training recipe: YAML -> Recipe."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stance.errors import ConfigError

Share = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Layout(_Strict):
    """The `stance` block of the model's config.json."""

    split: int = Field(4, ge=0)
    hypothesis_position: int = Field(96, ge=1)
    max_premise: int = Field(200, ge=8)
    max_hypothesis: int = Field(48, ge=8)
    context: bool = False
    """Premises are `sentence before || sentence`: the model was taught which of the two is asked about."""


class Source(_Strict):
    """Where examples come from.

    `kind`: `passages` and `articles` of the curriculum (their dev lines are never read), `pairs` (premise,
    hypothesis, label; Parquet or JSONL, or a `datasets` name), `events` (PLOVER: sentence, actor, target, root).
    `share`: part of the hypotheses that comes from here, relative to the other sources' shares.
    `rows`: at most so many rows of a file (`pairs`), by file name; files not named are read whole.
    `after`: it joins when so many hypotheses have been given; its files are read only then.
    """

    kind: Literal["passages", "articles", "pairs", "events"]
    files: list[str] = Field(min_length=1)
    share: Share = 1.0
    rows: dict[str, int] = {}
    after: int = Field(0, ge=0)
    without: list[str] = []
    """Genres to leave out (`pairs`)."""
    context: float = Field(0.0, ge=0, le=1)
    """Of the sentences that follow another: how many are read behind it (`articles`, by a model that reads context)."""
    negated: float = Field(0.0, ge=0, le=1)
    """Of the hypotheses: how many are denied ("does not want"), entailment and contradiction exchanged."""
    reworded: float = Field(0.0, ge=0, le=1)
    """Of the hypotheses: how many more are said in other words ("supports": "has no objection to"), or the opposite."""


class Recipe(_Strict):
    """Everything that decides the weights, save the device."""

    name: str
    start: Path
    """Folder of the model to start from: a plain encoder or a stance model."""
    seed: int = 0
    layout: Layout = Layout()  # type: ignore[call-arg]
    frozen_layers: int = Field(4, ge=0)
    rank: int = Field(0, ge=0)
    """Of the adapters; 0 trains every weight above the frozen layers."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Of what the layers above the frozen ones add: against learning by heart what is seen several times."""
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup: int = Field(50, ge=0)
    decay: float = Field(0.3, ge=0, le=1)
    steps: int = Field(gt=0)
    stop: int | None = Field(None, gt=0)
    """End after so many of the steps, at the rate reached: another recipe goes on from there with other data."""
    step_tokens: int = Field(3072, ge=64)
    row_tokens: int = Field(384, ge=64)
    bf16: bool = False
    """On a processor (a CUDA device always computes in bf16)."""
    unseen: list[str] = []
    """Pair files to be measured on later: no source teaches a premise of theirs (LingNLI has a sixth of those of MNLI's
    dev)."""
    teachers: list[Path] = []
    """Model folders whose probabilities are learnt beside the labels."""
    soft_weight: float = Field(0.5, ge=0, le=1)
    storage: Literal["int6", "fp32"] = "int6"
    sources: list[Source] = Field(min_length=1)
    dev: list[str] = []
    """Passages of the curriculum; accuracy on their dev lines goes into the log every `dev_every` steps."""
    dev_every: int = Field(200, ge=1)

    @model_validator(mode="after")
    def _somebody_begins(self) -> "Recipe":
        if all(source.after for source in self.sources):
            raise ValueError("sources: every source has `after`; one must give the first hypotheses (after: 0)")
        return self

    def identity(self) -> str:
        """Hash of what a checkpoint depends on."""
        return hashlib.sha256(self.model_dump_json(exclude={"dev", "dev_every", "stop"}).encode()).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; its paths are relative to the working directory. Raises ConfigError."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Recipe.model_validate(tree)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a YAML file as in models/recipes/"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML ({' '.join(str(error).split())})") from error
    except ValidationError as error:
        faults = (f"{path}: {'.'.join(map(str, e['loc'])) or 'top'}: {e['msg']}" for e in error.errors())
        raise ConfigError("\n".join(faults)) from error
