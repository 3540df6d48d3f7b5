"""Files -> articles -> clean sentences, and the marks by which copies are told."""

from stance.ingest.articles import read_articles
from stance.ingest.cleaning import REASONS
from stance.ingest.copies import bands, signature, similarity
from stance.ingest.decoding import mend
from stance.ingest.ids import MARKS, id_among, unmarked
from stance.ingest.splitting import sentences

__all__ = [
    "MARKS",
    "REASONS",
    "bands",
    "id_among",
    "mend",
    "read_articles",
    "sentences",
    "signature",
    "similarity",
    "unmarked",
]
