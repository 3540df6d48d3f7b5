"""What the propositions of the curriculum's passages give away without their premises.

    python eval/hypothesis_only.py models/curriculum/d*.jsonl

Logistic regression on words and word pairs of the propositions alone (Poliak et al., *SEM 2018; Gururangan et al.,
NAACL 2018), trained on the other lines and measured on the dev lines. Whatever a model reaches above this it has read.
"""

import argparse
from pathlib import Path

from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from stance.nli.curriculum import lines, passage


def pairs(files: list[Path], *, dev: bool) -> tuple[list[str], list[int]]:
    """Propositions and labels (places in `stance.data.LABELS`)."""
    found = [passage(line, context=False) for line in lines(files, "passages", dev=dev)]
    return [h for p in found for h in p.hypotheses], [label for p in found for label in p.labels]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    args = parser.parse_args()
    train, test = pairs(args.files, dev=False), pairs(args.files, dev=True)
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    for name, model in (
        ("most frequent label", DummyClassifier()),
        ("propositions alone", make_pipeline(words, LogisticRegression(C=2.0, max_iter=1000))),
    ):
        guess = model.fit(*train).predict(test[0])
        macro = f1_score(test[1], guess, average="macro")
        print(f"{name:20} {len(test[1])} pairs, accuracy {accuracy_score(test[1], guess):.3f}, macro-F1 {macro:.3f}")


if __name__ == "__main__":
    main()
