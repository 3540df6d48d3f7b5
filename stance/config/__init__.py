"""`configs/*.yaml`: actors, issues and propositions; loaded, refused with the line, and linted. Loads no model."""

from stance.config.linting import lint
from stance.config.loading import guess, load_config
from stance.config.models import HOLDER, Actor, Config, Issue, Person, Propositions, propositions

__all__ = [
    "HOLDER",
    "Actor",
    "Config",
    "Issue",
    "Person",
    "Propositions",
    "guess",
    "lint",
    "load_config",
    "propositions",
]
