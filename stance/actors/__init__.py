"""Who is named, who speaks, who is only talked about: aliases, office-holders, pronouns, former officials.

A list of names an analyst owns and a few patterns of English news prose, no parser: fast, and every decision can be
read. What it finds feeds two things: the premise (the resolved actor is written behind a name the model cannot know,
"Hassoumi Massaoudou (Niger) said ...") and the evidence of `stance.observe` on who holds what.
"""

from stance.actors.readings import OUTSIDER, Mention, Reading
from stance.actors.resolver import Resolver

__all__ = ["OUTSIDER", "Mention", "Reading", "Resolver"]
