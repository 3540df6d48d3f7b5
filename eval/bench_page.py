"""How large a page of many cells is and how soon a browser shows it, against the figures asked for.

    python eval/bench_page.py [--actors 200] [--issues 50] [--months 60] [--sentences 100000] [--chromium PATH]

A run is made up (positions at random, sentences of news length), its page is written as `stance report` writes it and
opened in Chromium from a file: seconds until it is first painted with its matrix, the file's MB. Needs the extra `dev`
and a Chromium.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from stance.config import Actor, Config, Issue, Propositions
from stance.data import Observation
from stance.page import write_page
from stance.page.data import payload

WORDS = (
    "the minister said that her government would not accept a plan for the valley before winter and asked its "
    "neighbours to send engineers who had worked on the older dam without delay while farmers waited"
).split()


def made_up(
    actors: int, issues: int, months: int, sentences: int
) -> tuple[Config, list[Observation], list[dict[str, str]]]:
    """A config, its observations by actor, issue and date, and rows of articles.csv."""
    rng = random.Random(0)
    sides = Propositions(support=["{actor} supports the plan"], oppose=["{actor} rejects the plan"])
    config = Config(
        name="made up",
        actors={f"a{k}": Actor(label=f"Actor {k}", aliases=[f"Actor {k}"]) for k in range(actors)},
        issues={f"i{k}": Issue(label=f"Issue {k}", propositions=sides) for k in range(issues)},
    )
    found, rows = [], {}
    for k in range(sentences):
        month = rng.randrange(months)
        date = f"{2015 + month // 12}-{month % 12 + 1:02}-{rng.randrange(1, 28):02}"
        article = f"{date}-{rng.randrange(4)}"
        rows[article] = {
            "article_id": article, "title": f"What happened on {date}", "date": date, "source": "The Paper",
            "url": f"https://example.org/{article}", "status": "read", "reason": "", "n_sentences": "20", "dropped": "",
            "date_source": "record", "path": "",
        }  # fmt: skip
        value = rng.choice([-1, 1]) * rng.random()
        text = " ".join(rng.choices(WORDS, k=rng.randrange(15, 40)))
        found.append(
            Observation(
                article, date, k, 0, len(text), text, f"a{rng.randrange(actors)}", f"i{rng.randrange(issues)}",
                "support" if value > 0 else "oppose", value, (1 + value) / 2, (1 - value) / 2, "own",
            )
        )  # fmt: skip
    found.sort(key=lambda o: (o.actor, o.issue, o.date))
    return config, found, list(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("actors", 200), ("issues", 50), ("months", 60), ("sentences", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    args = parser.parse_args()
    config, found, rows = made_up(args.actors, args.issues, args.months, args.sentences)
    matrix = {"period": "month", "aggregation": "mean", "min_sentences": 1}
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        data = payload(iter(found), config, rows, {"matrix": matrix})
        path = write_page(data, Path(folder))
        print(
            f"{len(data['cells'])} cells, {len(data['evidence'])} of {args.sentences} sentences on the page, "
            f"{path.stat().st_size / 1e6:.1f} MB, written in {time.monotonic() - begun:.1f} s"
        )
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
            for number, seconds in enumerate(opened(browser, path), 1):
                print(f"opening {number}: first painted after {seconds:.2f} s")
            browser.close()


def opened(browser: object, path: Path, times: int = 3) -> Iterator[float]:
    for _ in range(times):
        page = browser.new_page(viewport={"width": 1280, "height": 900})  # type: ignore[attr-defined]
        page.goto(path.as_uri())
        page.wait_for_selector("table.matrix td")
        # The page's own clock, from the start of the navigation: the time until it could be painted.
        yield page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
        page.close()


if __name__ == "__main__":
    main()
