"""The store of a run: what was read and what was scored, as Parquet parts that are only ever added.

    out/store/run.json                     the format and the config's name: whose run this is
    out/store/articles/part-*.parquet      articles with offsets of sentences, as cleaned; rejected inputs too
    out/store/hypotheses/KEY.json          lists of hypotheses, named by their content
    out/store/scores/FINGERPRINT/part-*    premise key, hypotheses key, probabilities; a folder a model

A part is written under another name, flushed to disk and renamed: a killed run leaves whole parts and nothing else, and
the next run asks which pairs are missing. A key names a text to be scored, never an article: two articles with the same
sentence share its score and stay two. DuckDB reads the parts, with a memory limit, so that a store may outgrow memory.
"""

from stance.scores.parts import connect, sql_table
from stance.scores.store import Store, Stored
from stance.scores.units import Units

__all__ = ["Store", "Stored", "Units", "connect", "sql_table"]
