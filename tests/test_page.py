"""The page in a real browser: what an analyst sees, by mouse and by keyboard, and what no text can do to it."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx
import pytest
from playwright.sync_api import expect

from stance.config import Actor, Config, Issue, Propositions
from stance.data import Observation, Stance
from stance.page import write_page
from stance.page.data import SENTENCES, payload

SIDES = Propositions(support=["{actor} supports the dam"], oppose=["{actor} rejects the dam"])
TOLL = Propositions(support=["{actor} wants a toll"], oppose=["{actor} is against a toll"])
CONFIG = Config(
    name="rivers",
    description="Who wants the dam",
    actors={
        "up": Actor(label="Upland <i>", aliases=["Upland", "the upper ministry"]),
        "down": Actor(label="Lowland", aliases=["Lowland"]),
    },
    issues={
        "dam": Issue(label="The & dam", propositions=SIDES),
        "toll": Issue(label="Toll on barges", propositions=TOLL),
    },
)  # fmt: skip
HOSTILE = (
    '<script>document.title="owned"</script> "quoted" & <img src=x onerror=alert(1)> ‏مرحبا 🏞️ Upland rejects the dam'
)


def seen(
    value: float, date: str, text: str, actor: str = "up", issue: str = "dam", role: str = "own", index: int = 0
) -> Observation:
    stance: Stance = "support" if value > 0 else "oppose"
    sides = (1 + value) / 2, (1 - value) / 2
    return Observation(
        f"a-{date}", date, index, 10 * index, 10 * index + 9, text, actor, issue, stance, value, *sides, role  # type: ignore[arg-type]
    )  # fmt: skip


OBSERVED = [
    seen(0.9, "2017-10-22", "Upland supports the dam, its minister said."),
    seen(0.5, "2017-10-22", "The upper ministry would build it at once.", index=1),
    seen(-0.8, "2017-12-03", "Upland now rejects the dam.", index=2),
    seen(-0.9, "2017-12-03", HOSTILE, index=3),
    seen(-0.7, "2017-12-03", "Lowland calls Upland an enemy of every dam.", role="accused", index=4),
    seen(-0.9, "2017-10-22", "Lowland will never accept the dam.", actor="down", index=5),
    seen(0.8, "2017-12-03", "Lowland wants a toll.", actor="down", issue="toll", index=6),
]
ARTICLES = [
    {
        "article_id": f"a-{date}", "title": f"Dam <b>news</b> of {date}", "date": date, "source": "River & Post",
        "url": url, "status": "read", "reason": "", "n_sentences": "9", "dropped": "caption: 2, comments: 1",
        "date_source": "text", "path": "a.txt",
    }
    for date, url in (("2017-10-22", "https://example.org/?a=1&b=2"), ("2017-12-03", "javascript:alert(1)"))
]  # fmt: skip
MANIFEST: dict[str, Any] = {
    "matrix": {"period": "month", "aggregation": "mean", "min_sentences": 1, "observations_left_out": {"accused": 1}},
    "command": ["run", "</script><script>alert(2)</script>"],
    "model": {"name": "stance-nli", "fingerprint": "ab" * 32},
    "counts": {"sentences": 18, "sentences_clipped": 0},
}


def written(folder: Path, observations: list[Observation] = OBSERVED, **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    found = sorted(observations, key=lambda o: (o.actor, o.issue, o.date))
    return write_page(payload(found, CONFIG, ARTICLES, MANIFEST, **options), folder)


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """The page of OBSERVED; at the end no script has failed and nothing has been asked for."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        opened = context.new_page()
        faults: list[str] = []
        opened.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
        opened.on("pageerror", lambda e: faults.append(str(e)))
        asked: list[str] = []
        opened.on("request", lambda r: asked.append(r.url))
        path = written(tmp_path / "page")
        opened.goto(path.as_uri())
        yield opened
        assert faults == []
        assert {url.split("#")[0] for url in asked if not url.startswith("blob:")} == {path.as_uri()}


def show(page: Any, view: str) -> None:
    """Go to a view by its address, and come back when the page has drawn it."""
    page.evaluate(
        "to => new Promise(done => { addEventListener('hashchange', done, { once: true }); location.hash = to; })", view
    )


def test_a_click_leads_from_a_value_to_its_sentences_and_to_the_whole_article(page: Any) -> None:
    assert page.locator("table.matrix thead th").all_inner_texts() == ["Issue", "Upland <i>", "Lowland"]
    cell = page.locator('td[data-cell="0 0"]')
    expect(cell).to_contain_text("2 / 2")
    cell.hover()
    expect(page.locator("#tip")).to_contain_text("95% interval")
    cell.click()
    expect(page.locator("#cell-title")).to_have_text("Upland <i>: The & dam")
    texts = page.locator("aside figure blockquote").all_inner_texts()
    assert texts[0] in (OBSERVED[0].sentence, HOSTILE)
    assert len(texts) == 5
    expect(page.locator("aside h3").last).to_have_text("Alleged by others, not counted")
    first = page.locator("aside figure", has_text="its minister said")
    assert first.locator("mark.holder").all_inner_texts() == ["Upland"]
    assert first.get_by_role("link", name="Source").get_attribute("href") == "https://example.org/?a=1&b=2"
    expect(page.locator('a[href^="javascript"]')).to_have_count(0)
    first.get_by_role("link", name="All of this article").click()
    expect(page.locator("article blockquote")).to_have_text([OBSERVED[k].sentence for k in (0, 1, 5)])
    page.locator("article .chips a").last.click()
    expect(page.locator("#cell-title")).to_have_text("Lowland: The & dam")


def test_period_filter_order_and_open_cell_live_in_the_address(page: Any) -> None:
    page.select_option("#period", "2017-12")
    page.fill("#find", "toll")
    expect(page.locator("table.matrix tbody tr")).to_have_count(1)
    page.select_option("#sort", "most")
    page.click("#flip")
    page.locator("table.matrix td:not(.none)").first.click()
    expect(page.locator("aside")).to_be_visible()
    assert "cell=down.toll" in page.url
    before = page.locator("main").inner_text()
    page.reload()
    expect(page.locator("main")).to_have_text(before, use_inner_text=True)
    assert page.input_value("#find") == "toll"
    page.go_back()
    expect(page.locator("aside")).to_have_count(0)
    assert "cell=" not in page.url
    page.fill("#find", "nobody")
    expect(page.locator("main")).to_contain_text("No actor and no issue is called “nobody”")


def test_everything_is_reached_by_keyboard(page: Any) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('td')"):
            break
    assert page.evaluate("document.activeElement.dataset.cell") == "0 0"
    expect(page.locator("#tip")).to_contain_text("Upland")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#cell-title")).to_have_text("Lowland: Toll on barges")
    expect(page.locator("#cell-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("aside")).to_have_count(0)
    expect(page.locator('td[data-cell="1 1"]')).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#cell-title")).to_be_focused()
    page.locator('td[data-cell="1 1"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("aside")).to_have_count(0)
    expect(page.locator('td[data-cell="1 1"]')).to_be_focused()
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_text_is_shown_as_it_is_and_never_executed(page: Any) -> None:
    show(page, "cell=up.dam")
    page.wait_for_selector("aside")
    assert HOSTILE in page.locator("aside blockquote").all_inner_texts()
    assert page.title() == "rivers: Matrix"
    expect(page.locator("img, iframe, object, main script")).to_have_count(0)
    show(page, "view=quality")
    page.wait_for_selector("dl.facts")
    expect(page.locator("main")).to_contain_text("</script><script>alert(2)</script>")


def test_turns_compare_and_quality_say_what_the_run_holds(page: Any) -> None:
    page.get_by_role("link", name="Turns").click()
    turned = page.locator("section.turned")
    expect(turned).to_have_count(1)
    expect(turned).to_contain_text("Too few articles to test")
    expect(turned.locator("blockquote")).to_have_count(2)
    page.get_by_role("link", name="Compare").click()
    expect(page.locator("main")).to_contain_text("on 0 on opposite sides")
    page.select_option("#period", "2017-10")
    expect(page.locator("main")).to_contain_text("on 1 on opposite sides")
    expect(page.locator("svg line.disagree")).to_have_count(1)
    page.get_by_role("link", name="Quality").click()
    expect(page.locator("main")).to_contain_text("4 caption, 2 comments")
    expect(page.locator("main")).to_contain_text("was not checked against gold")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(page: Any, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)
    for view in ("cell=up.dam", "view=turns", "view=compare", "view=quality", "view=article&article=a-2017-10-22"):
        show(page, view)
        found = Axe().run(page).response["violations"]
        serious = [
            (v["id"], [n["target"] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], view


def test_it_fits_a_telephone_and_prints_without_its_controls(page: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    for view in ("cell=up.dam", "view=turns", "view=compare", "view=quality"):
        show(page, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, view
    show(page, "cell=up.dam")
    page.emulate_media(media="print")
    assert not page.locator("#tabs").is_visible()
    assert not page.locator("#period").is_visible()
    expect(page.locator("aside blockquote").first).to_be_visible()


def test_downloads_can_be_read_by_other_programs(page: Any) -> None:
    found = {}
    for name in ("csv-long", "csv-wide", "graphml"):
        page.click("details.menu summary")
        with page.expect_download() as download:
            page.click(f"#{name}")
        found[name] = Path(download.value.path()).read_text(encoding="utf-8")
        page.click("details.menu summary")
    rows = list(csv.DictReader(io.StringIO(found["csv-long"])))
    assert [(r["actor"], r["issue"], r["period"], r["stance"]) for r in rows][-1] == ("up", "dam", "2017-12", "oppose")
    assert [float(r["value"]) < 0 for r in rows] == [r["stance"] == "oppose" for r in rows]
    assert next(csv.reader(io.StringIO(found["csv-wide"]))) == ["actor", "issue", "2017-10", "2017-12"]
    graph = networkx.parse_graphml(found["graphml"])
    ties = [d for *_, d in graph.edges(data=True) if d]
    assert graph.nodes["actor:up"]["label"] == "Upland <i>"
    assert {"tie": "agree", "weight": 2} in ties


def test_without_text_no_sentence_is_in_the_file(tmp_path: Path) -> None:
    text = written(tmp_path / "bare", text=False).read_text(encoding="utf-8")
    assert not any(o.sentence[:20] in text for o in OBSERVED)
    assert OBSERVED[0].sentence in written(tmp_path / "full").read_text(encoding="utf-8")


def test_only_its_own_scripts_and_styles_may_run(tmp_path: Path) -> None:
    text = written(tmp_path / "page").read_text(encoding="utf-8")
    policy = text.split('Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.startswith("default-src &#39;none&#39;; style-src &#39;sha256-")
    assert "unsafe" not in policy
    assert "connect-src &#39;none&#39;" in policy
    assert json.loads(text.split('id="data">')[1].split("</script>")[0])["name"] == "rivers"


def test_an_empty_run_says_so(browser: Any, tmp_path: Path) -> None:
    with browser.new_context() as context:
        opened = context.new_page()
        opened.goto(written(tmp_path / "page", []).as_uri())
        expect(opened.locator("main")).to_contain_text("No cell: no dated sentence shows a position")
        for name in ("Turns", "Compare"):
            opened.get_by_role("link", name=name).click()
        expect(opened.locator("main")).to_contain_text("Two actors with positions are needed")


def test_a_cell_shows_its_strongest_and_says_how_many_more_there_are() -> None:
    many = [seen(k / 100, "2017-10-22", f"Sentence {k}.", index=k) for k in range(1, 30)]
    data = payload(iter(many), CONFIG, ARTICLES, MANIFEST)
    assert data["cap"] == 5
    assert [data["sentences"][e[3]][3] for e in data["evidence"]] == [f"Sentence {k}." for k in range(29, 24, -1)]
    assert data["cells"][0][8] == 29
    days = [f"2017-{m:02}-{d:02}" for m in range(1, 13) for d in range(1, 29)]
    wide = [seen(0.5, day, f"{day} {k}.", index=k) for day in days for k in range(80)]
    data = payload(
        iter(sorted(wide, key=lambda o: o.date)),
        CONFIG,
        [],
        MANIFEST | {"matrix": MANIFEST["matrix"] | {"period": "day"}},
    )
    assert len(data["evidence"]) <= SENTENCES
