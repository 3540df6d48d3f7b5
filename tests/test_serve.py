"""The served page over a real run: scored by the embedded model, asked over a connection, used in a browser."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import expect

from stance import pipeline, runs
from stance.config import load_config
from stance.gold import load_gold
from stance.nli import Scorer, load_scorer
from stance.serve import UPLOAD, create
from stance.serve.jobs import WAITING

CONFIG = """
name: harbour
actors:
  norland: {label: Norland, aliases: [Norland, Kestrel Palace]}
  sudmark: {label: Sudmark, aliases: [Sudmark]}
issues:
  base:
    label: Foreign base at the harbour
    propositions:
      support: ["{actor} accepts a foreign base at the harbour"]
      oppose: ["{actor} rejects a foreign base at the harbour"]
"""
ARTICLE = "Published: March 3, 2015\n\nNorland accepts a foreign base at the harbour. Sudmark rejects a foreign base."
NEW = "Kestrel Palace now rejects a foreign base at the harbour, its spokesman said. It rained all day."


class Server:
    """A server in a thread, on a port that was free; `gate` holds the scorer back until it is set."""

    def __init__(self, out: Path, scorer: Scorer) -> None:
        self.out, self.gate = out, threading.Event()
        self.gate.set()

        def load() -> Scorer:
            self.gate.wait(60)
            return scorer

        self.app = create(out, load)
        self.server = uvicorn.Server(uvicorn.Config(self.app, port=0, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        request = urllib.request.Request(self.url + path, data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read().decode()
                return answer.status, json.loads(text) if text[:1] in "[{" and "\n{" not in text else text
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            return error.code, json.loads(text) if text[:1] in "[{" else text

    def announce(self, size: int) -> int:
        """Status of a request that says how much it is going to send."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        connection.putrequest("POST", "/api/score")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        return connection.getresponse().status

    def wait(self, number: int, *states: str) -> dict[str, Any]:
        """A job when it has reached one of these states."""
        for _ in range(600):
            _, job = self.ask(f"/api/jobs/{number}")
            if job["state"] in states:
                return dict(job)
            time.sleep(0.1)
        raise AssertionError(job)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return load_scorer()


@pytest.fixture
def server(tmp_path: Path, scorer: Scorer) -> Iterator[Server]:
    (tmp_path / "harbour.yaml").write_text(CONFIG)
    (tmp_path / "one.txt").write_text(ARTICLE)
    out = tmp_path / "out"
    pipeline.run(out, tmp_path / "harbour.yaml", scorer, inputs=[str(tmp_path / "one.txt")])
    served = Server(out, scorer)
    yield served
    served.gate.set()
    served.server.should_exit = True
    served.thread.join(10)


def test_matrix_and_evidence_are_those_of_the_files(server: Server) -> None:
    status, found = server.ask("/api/matrix?actor=sudmark")
    assert status == 200
    assert [(c["issue"], c["period"], c["stance"]) for c in found["cells"]] == [("base", "2015-03", "oppose")]
    _, evidence = server.ask("/api/evidence?actor=sudmark&issue=base&period=2015-03")
    assert evidence["total"] == 1
    assert evidence["evidence"][0]["sentence"] == "Sudmark rejects a foreign base."
    assert evidence["evidence"][0]["counted"] is True
    assert server.ask("/api/matrix?actor=nobody") == (404, {"detail": "no actor 'nobody'; there are norland, sudmark"})
    _, schema = server.ask("/openapi.json")
    assert {"/api/score", "/api/matrix", "/api/evidence", "/api/label"} <= set(schema["paths"])


def test_an_article_is_scored_apart_and_joins_the_run_when_kept(server: Server) -> None:
    status, job = server.ask("/api/score", {"text": NEW, "title": "Turn", "date": "2016-05-01", "source": "Gazette"})
    assert status == 202
    done = server.wait(job["number"], "done", "failed")
    assert [(o["actor"], o["stance"], o["date"]) for o in done["observations"]] == [("norland", "oppose", "2016-05-01")]
    assert len(server.ask("/api/matrix")[1]["cells"]) == 2
    assert server.ask(f"/api/jobs/{job['number']}/keep", {})[0] == 202
    server.wait(job["number"], "kept", "failed")
    cells = server.ask("/api/matrix?actor=norland")[1]["cells"]
    assert [(c["period"], c["stance"]) for c in cells] == [("2015-03", "support"), ("2016-05", "oppose")]
    _, manifest = runs.open_run(server.out)
    assert manifest["counts"]["pairs_scored_now"] == 0  # what was scored apart was not scored again
    assert "2016-05" in server.ask("/")[1]


def test_a_run_of_another_head_takes_no_article(server: Server) -> None:
    manifest = json.loads((server.out / "manifest.json").read_text())
    manifest["head"] = {"sha256": "ab" * 32, "threshold": 0.2, "further": 0.4}  # As an earlier version wrote it.
    (server.out / "manifest.json").write_text(json.dumps(manifest))
    number = server.ask("/api/score", {"text": NEW})[1]["number"]
    assert "another head.json" in server.wait(number, "failed", "done")["error"]


def test_a_file_may_have_any_name(server: Server) -> None:
    for name in ("г" * 140 + ".txt", "run", "..", "ab" * 120 + ".jsonl.gz"):
        fields = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{NEW}\r\n--x--\r\n'
        status, job = server.ask("/api/score/file", fields.encode(), Content_Type="multipart/form-data; boundary=x")
        assert status == 202
        server.wait(job["number"], "done", "failed")
    assert server.ask("/api/score", {"text": NEW})[0] == 202
    assert [job["number"] for job in server.ask("/api/jobs")[1]] == [5, 4, 3, 2, 1]


def test_readers_are_served_while_a_job_waits_and_it_can_be_cancelled(server: Server) -> None:
    server.gate.clear()
    jobs = [server.ask("/api/score", {"text": NEW})[1]["number"] for _ in range(2)]
    assert server.ask("/api/matrix")[0] == 200
    assert server.ask(f"/api/jobs/{jobs[1]}", method="DELETE")[1]["state"] == "cancelled"
    server.ask(f"/api/jobs/{jobs[0]}", method="DELETE")
    server.gate.set()
    assert server.wait(jobs[0], "cancelled", "done")["state"] == "cancelled"
    assert server.ask(f"/api/jobs/{jobs[1]}/keep", {})[0] == 409
    assert [j["state"] for j in server.ask("/api/jobs")[1]] == ["cancelled"] * 2
    assert not (server.out / "added").exists()


def test_a_full_queue_refuses(server: Server) -> None:
    server.gate.clear()
    answers = [server.ask("/api/score", {"text": f"{NEW} {k}"})[0] for k in range(WAITING + 2)]
    assert answers[:WAITING] == [202] * WAITING
    assert answers[-1] == 429


def test_what_cannot_be_read_is_told(server: Server) -> None:
    number = server.ask("/api/score", {"text": "Le ministre a refusé la base étrangère au port. " * 12})[1]["number"]
    failed = server.wait(number, "failed", "done")
    assert failed["state"] == "failed"
    assert "language" in failed["error"]


def test_other_sites_other_hosts_and_large_bodies_are_refused(server: Server) -> None:
    body = {"text": NEW}
    assert server.ask("/api/score", body, Origin="http://evil.example")[0] == 403
    assert server.ask("/api/score", body, Sec_Fetch_Site="cross-site")[0] == 403
    assert server.ask("/api/matrix", Host="evil.example")[0] == 400
    assert server.announce(UPLOAD + 1) == 413
    assert server.ask("/api/score", {"text": ""})[0] == 422
    assert server.ask("/api/score", {"text": "x", "date": "last week"})[0] == 422
    assert server.ask("/api/score", {"text": "half an emoji \ud83d"})[0] == 422
    assert server.ask("/api/score", b'{"text": NaN}')[0] == 422
    assert server.ask("/", Sec_Fetch_Site="cross-site")[0] == 200
    assert server.ask("/api/jobs")[1] == []


def test_two_coders_label_blind_to_each_other_and_write_gold(server: Server) -> None:
    _, first = server.ask("/api/label?coder=ann")
    assert {"support", "value", "stance", "found"} & set(first["task"]) <= {"support"}
    status, refused = server.ask("/api/label", {"coder": "ann", "task": "another", "label": "oppose"})
    assert (status, "drawn anew" in refused["detail"]) == (422, True)
    note = "two\u2028lines"
    given = {"coder": "ann", "task": first["task"]["id"], "label": "oppose", "note": note}
    _, after = server.ask("/api/label", given)
    assert (after["done"], after["total"]) == (1, first["total"])
    assert server.ask("/api/label?coder=bob")[1] == first
    assert server.ask("/api/label?coder=ann", method="DELETE")[1] == first
    while (task := server.ask("/api/label?coder=ann")[1]["task"]) is not None:
        server.ask("/api/label", {"coder": "ann", "task": task["id"], "label": "none"})
    config = load_config(server.out / "store" / "config.yaml")
    judged = load_gold([server.out / "labels" / "ann.jsonl"], config).judgements
    assert len(judged) == first["total"]
    assert {j.coder for j in judged} == {"ann"}
    assert server.ask("/api/label/gold?coder=ann")[1] == (server.out / "labels" / "ann.jsonl").read_text()
    assert server.ask("/api/label", given | {"coder": "adjudicated"})[0] == 422


def test_the_screens_work_in_a_browser(server: Server, browser: Any) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.goto(server.url + "/#view=score")
        page.fill("#score-date", "2016-05-01")
        page.fill("#score-text", NEW + " <script>alert(1)</script>")
        page.click("#score-go")
        page.wait_for_selector("#job figure")
        expect(page.locator("#job figure").first).to_contain_text("Norland: Foreign base at the harbour, against")
        page.click("#job-keep")
        page.wait_for_selector("#tabs")
        expect(page.locator("#head")).to_contain_text("2 articles", timeout=10_000)
        page.get_by_role("link", name="Label").click()
        page.fill("#coder", "ann")
        page.keyboard.press("Enter")
        page.wait_for_selector("#task")
        before = page.locator("#task").inner_text()
        page.keyboard.press("o")
        page.wait_for_selector("text=1 of 3 judged")
        expect(page.locator("#task")).not_to_have_text(before, use_inner_text=True)
        page.keyboard.press("u")
        page.wait_for_selector("text=0 of 3 judged")
        expect(page.locator("#task")).to_have_text(before, use_inner_text=True)
        assert faults == []
