"""What a topic is made of: actors, issues, propositions. Pydantic, since people edit these."""

import re
from datetime import date
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from stance.data import SIDES, Proposition

HOLDER = "{actor}"


def _iso(text: str) -> str:
    if not re.fullmatch(r"\d{4}(-\d\d){0,2}", text):
        raise ValueError(f"{text!r} is no date; write it as 2017-08-04, 2017-08 or 2017")
    try:
        date.fromisoformat(text + "-01-01"[len(text) - 4 :])
    except ValueError:
        raise ValueError(f"{text!r} is not in the calendar; correct the month or the day") from None
    return text


def _template(text: str) -> str:
    if HOLDER not in text:
        raise ValueError(f"{text!r} names no holder; put {HOLDER} where the actor's label belongs")
    if set("{}") & set(text.replace(HOLDER, "")):
        raise ValueError(f"{text!r} has braces other than {HOLDER}; take them out")
    return text


Text = Annotated[str, StringConstraints(min_length=1)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Date = Annotated[str, BeforeValidator(lambda d: d.isoformat() if isinstance(d, date) else d), AfterValidator(_iso)]
Templates = Annotated[list[Annotated[Text, AfterValidator(_template)]], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, validate_by_name=True)


class Person(_Strict):
    """An office-holder: stands for the actor from `from_` (in YAML: `from`) to `to`, both included.

    Dates are ISO, whole or cut (`2017-08`, `2017`); None: no bound.
    """

    name: Text
    from_: Date | None = Field(default=None, alias="from")
    to: Date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ and self.to and self.to < self.from_[: len(self.to)]:
            raise ValueError(f"{self.name} is in office to {self.to}, before {self.from_}; correct one of the dates")
        return self


class Actor(_Strict):
    """`label` fills `{actor}`; `aliases` are the names by which articles call the actor, metonyms included."""

    label: Text
    aliases: Annotated[list[Text], Field(min_length=1)]
    people: list[Person] = []


class Propositions(_Strict):
    """Templates for each side, at least one a side, each with `{actor}`."""

    support: Templates
    oppose: Templates


class Issue(_Strict):
    """`actors`: ids of those whom the issue concerns; None: every actor."""

    label: Text
    actors: Annotated[list[str], Field(min_length=1)] | None = None
    propositions: Propositions


class Config(_Strict):
    """One topic."""

    name: Text
    description: str = ""
    actors: Annotated[dict[Id, Actor], Field(min_length=1)]
    issues: Annotated[dict[Id, Issue], Field(min_length=1)]


def propositions(config: Config) -> tuple[Proposition, ...]:
    """Every hypothesis: issue by issue, actor by actor, support before oppose, in the order of the file."""
    return tuple(
        Proposition(actor, name, side, template.replace(HOLDER, config.actors[actor].label))
        for name, issue in config.issues.items()
        for actor in (config.actors if issue.actors is None else issue.actors)
        for side in SIDES
        for template in getattr(issue.propositions, side)
    )
