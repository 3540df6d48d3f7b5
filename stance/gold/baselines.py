"""What a score must beat: the commonest label, aliases and key words, words alone, the question alone, and the model
without the rest of the pipeline."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from stance.config import Config
from stance.data import Stance
from stance.gold.figures import LABELS, Unit

_NO = re.compile(
    r"\b(not|never|no|reject\w*|oppos\w*|refus\w*|den(y|ies|ied)|against|rul\w* out|condemn\w*|object\w*)\b", re.I
)
_FOLDS = 5
ENTAILED = 0.5
"""From here on a proposition alone makes a position."""


def majority(units: Sequence[Unit], config: Config) -> list[Stance]:
    """The commonest label of those that can be found for everything."""
    common = Counter(u.gold for u in units if u.gold in LABELS).most_common(1)
    return [common[0][0] if common else "none"] * len(units)


def keywords(units: Sequence[Unit], config: Config) -> list[Stance]:
    """A position where an alias and a word of the issue's label meet in the sentence; against it if a word of refusal
    or negation is there, too."""
    out: list[Stance] = []
    for u in units:
        actor, text = config.actors[u.actor], u.sentence.casefold()
        named = any(alias.casefold() in text for alias in [actor.label, *actor.aliases])
        words = re.findall(r"[a-z]{5,}", config.issues[u.issue].label.casefold())
        about = any(w[:6] in text for w in words)
        out.append("none" if not (named and about) else "oppose" if _NO.search(u.sentence) else "support")
    return out


def words(units: Sequence[Unit], config: Config) -> list[Stance]:
    """TF-IDF of the sentence, actor and issue, and logistic regression; cross-validated over articles."""
    return _learnt(units, [f"{u.sentence} actor_{u.actor} issue_{u.issue} {u.actor}_{u.issue}" for u in units])


def question(units: Sequence[Unit], config: Config) -> list[Stance]:
    """Actor and issue without the sentence (hypothesis only; Poliak et al., *SEM 2018); cross-validated."""
    return _learnt(units, [f"actor_{u.actor} issue_{u.issue} {u.actor}_{u.issue}" for u in units])


def propositions_alone(units: Sequence[Unit], config: Config) -> list[Stance]:
    """The model pair by pair, without holders or head: the side of the proposition that is entailed most."""
    return [
        "none" if not max(u.entailed) >= ENTAILED else "support" if u.entailed[0] >= u.entailed[1] else "oppose"
        for u in units
    ]


BASELINES: dict[str, Callable[[Sequence[Unit], Config], list[Stance]]] = {
    "majority": majority,
    "alias and keyword": keywords,
    "actor and issue alone": question,
    "TF-IDF, logistic": words,
    "propositions alone": propositions_alone,
}
"""Each takes judged units and returns a label for each."""


def _learnt(units: Sequence[Unit], texts: Sequence[str]) -> list[Stance]:
    gold = np.array([u.gold if u.gold in LABELS else "none" for u in units])
    articles = [u.article for u in units]
    folds = min(_FOLDS, len(set(articles)))
    out = np.full(len(units), "none", dtype=gold.dtype)
    if folds < 2:
        return [_stance(x) for x in out]
    for train, test in GroupKFold(folds).split(texts, gold, articles):
        if len(set(gold[train])) < 2:
            out[test] = gold[train][0]
            continue
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True),
            LogisticRegression(C=10, class_weight="balanced", max_iter=2000),
        )
        model.fit([texts[k] for k in train], gold[train])
        out[test] = model.predict([texts[k] for k in test])
    return [_stance(x) for x in out]


def _stance(text: str) -> Stance:
    return "support" if text == "support" else "oppose" if text == "oppose" else "none"
