"""A matrix whose truth is known: votes in the United Nations General Assembly (Voeten et al.; R package unvotes, CC0).

    python eval/un_votes.py ../shared/data

Every vote becomes an observation as a sentence would (yes: support, no: oppose, abstention: none), and the package
aggregates them. Two things must come out as SQL has them from the votes themselves: the share of yes
among yes and no, by country, issue and year; and how often two countries voted alike, by issue and year.
"""

import argparse
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import duckdb

from stance.data import Observation, Stance
from stance.matrix import cells

COUNTRIES = ("United States", "United Kingdom", "France", "Russia", "China", "India", "Pakistan", "Brazil", "Israel")
STANCES: dict[str, Stance] = {"favor": "support", "against": "oppose", "neutral": "none"}


def observation(country: str, issue: str, date: str, rcid: int, label: str) -> Observation:
    support, oppose = float(label == "favor"), float(label == "against")
    return Observation(
        str(rcid), date, 0, 0, 0, "", country, issue, STANCES[label], support - oppose, support, oppose, "own"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    db = duckdb.connect()
    # One row a country and resolution: a resolution under several issues comes several times.
    db.execute(
        "CREATE TABLE v AS SELECT DISTINCT actor, issue, date, rcid, label FROM read_parquet(?) "
        "WHERE issue IS NOT NULL AND actor IN (SELECT unnest(?))",
        [str(args.data / "stance_eval" / "un_votes.parquet"), list(COUNTRIES)],
    )
    votes = db.execute("SELECT actor, issue, date, rcid, label FROM v ORDER BY ALL").fetchall()

    by_issue = cells((observation(*vote) for vote in votes), period="year", evidence=0)
    ours = {(c.actor, c.issue, c.period): c.value for c in by_issue}
    theirs = {
        (actor, issue, year): 2 * share - 1
        for actor, issue, year, share in db.execute(
            "SELECT actor, issue, date[:4], avg((label = 'favor')::INT) FROM v WHERE label != 'neutral' GROUP BY ALL"
        ).fetchall()
    }
    worst = max(abs((ours[k] or 0) - theirs[k]) for k in theirs)
    print(f"{len(votes)} votes, {len(ours)} cells by country, issue and year; {len(theirs)} by SQL")
    print(f"largest difference of a cell's value from (yes - no) / (yes + no): {worst:.2g}")

    # How alike two countries vote is not how alike their shares are: it is counted resolution by resolution.
    by_vote = sorted((a, f"{issue} {rcid}", date, rcid, label) for a, issue, date, rcid, label in votes)
    sides: dict[str, dict[str, str]] = defaultdict(dict)
    year: dict[str, str] = {}
    for cell in cells((observation(*vote) for vote in by_vote), period="year", evidence=0):
        sides[cell.actor][cell.issue], year[cell.issue] = cell.stance, cell.period
    alike: dict[tuple[str, str, str, str], list[bool]] = defaultdict(list)
    for a, b in combinations(sorted(sides), 2):
        for name in sides[a].keys() & sides[b].keys():
            alike[a, b, name.rsplit(" ", 1)[0], year[name]].append(sides[a][name] == sides[b][name])
    truth = db.execute(
        "SELECT x.actor, y.actor, x.issue, x.date[:4], avg((x.label = y.label)::INT), count(*) FROM v x JOIN v y "
        "USING (issue, rcid) WHERE x.actor < y.actor AND 'neutral' NOT IN (x.label, y.label) GROUP BY ALL"
    ).fetchall()
    worst = max(abs(sum(alike[a, b, i, y]) / n - share) for a, b, i, y, share, n in truth)
    same = {k for k in alike if alike[k]} == {(a, b, i, y) for a, b, i, y, _, _ in truth}
    print(f"{len(truth)} agreements of two countries by issue and year: largest difference {worst:.2g}; same: {same}")


if __name__ == "__main__":
    main()
