"""`stance serve`: the page over a run that can grow, a REST interface, and a screen for coders.

Everything is for one machine's users: the default address is this machine's own, requests that come from another
site's page are refused (by Host, Origin and Sec-Fetch-Site), and one article is scored at a time while all others read.
"""

import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from anyio import to_thread
from fastapi import FastAPI, File, HTTPException, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

from stance import __version__, exports, page, report, runs
from stance.data import Stance
from stance.errors import InputError, ModelError, StanceError
from stance.matrix import PERIODS, uncounted
from stance.nli import Scorer, find_model, load_scorer
from stance.serve.jobs import Busy, Jobs
from stance.serve.labels import Labels

UPLOAD = 5_000_000
"""Bytes of a request's body; an article of a newspaper has some thousand."""


class Text(BaseModel):
    """An article as pasted."""

    text: Annotated[str, Field(min_length=1, max_length=UPLOAD)]
    title: str = ""
    date: Annotated[str, Field(pattern=r"^(\d{4}(-\d\d(-\d\d)?)?)?$")] = ""
    source: str = ""
    url: str = ""


class Label(BaseModel):
    """A coder's label of a task, by the id that `next` gave."""

    coder: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\s\"'<>]+$")]
    task: str
    label: Stance
    note: str = ""


class Live:
    """A run as it is shown: read again after every change, whole, so that readers never see half of one."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._lock = threading.Lock()
        self.reload()

    def reload(self) -> None:
        """Raises InputError if the run is not complete."""
        config, manifest = runs.open_run(self.out)
        payload = runs.payload(self.out, config, manifest, live=True)
        cells = runs.matrix_of(self.out, config, manifest, evidence=0)
        with self._lock:
            self.config, self.manifest, self.cells = config, manifest, cells
            self.html = page.html(payload, ("page.js", "live.js"))


def create(out: Path, load: Callable[[], Scorer], *, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")) -> FastAPI:
    """The application over the run in `out`; `load` makes the model when the first article is to be scored.

    Raises InputError if there is no complete run.
    """
    live = Live(out)
    jobs = Jobs(out, load, live.reload)
    labels = Labels(out)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await to_thread.run_sync(jobs.close)

    app = FastAPI(title="stance", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        own = f"{request.url.scheme}://{request.headers.get('host')}"
        # A link to the page may stand anywhere; it shows its reader nothing of it.
        linked = site in ("cross-site", "same-site") and (request.method, request.url.path) != ("GET", "/")
        if (origin is not None and origin != own) or linked:
            return JSONResponse({"detail": f"requests of {origin or 'another site'} are refused"}, 403)
        length = request.headers.get("content-length", "")
        if request.method == "POST" and not (length.isdigit() and int(length) <= UPLOAD):
            return JSONResponse({"detail": f"a body needs a Content-Length of at most {UPLOAD} bytes"}, 413)
        response = await answer(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.exception_handler(StanceError)
    async def told(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(RequestValidationError)
    async def unfit(_: Request, error: Exception) -> Response:
        # Without what was sent: half an emoji or NaN cannot be sent back as JSON.
        faults = error.errors() if isinstance(error, RequestValidationError) else []
        said = "; ".join(f"{'.'.join(map(str, f['loc'][1:])) or 'body'}: {f['msg']}" for f in faults)
        return JSONResponse({"detail": said.encode("utf-8", "replace").decode()}, 422)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def index() -> str:
        return live.html

    def known(actor: str | None, issue: str | None) -> None:
        for kind, name, names in (("actor", actor, live.config.actors), ("issue", issue, live.config.issues)):
            if name is not None and name not in names:
                raise HTTPException(404, f"no {kind} {name!r}; there are {', '.join(names)}")

    @app.get("/api/matrix")
    def matrix(actor: str | None = None, issue: str | None = None, period: str | None = None) -> dict[str, Any]:
        """Cells of the run as it was last aggregated."""
        known(actor, issue)
        wanted = (("actor", actor), ("issue", issue), ("period", period))
        found = [c for c in live.cells if all(v is None or getattr(c, k) == v for k, v in wanted)]
        return {
            "matrix": live.manifest["matrix"],
            "cells": [{k: getattr(c, k) for k in exports.COLUMNS} for c in found],
        }

    @app.get("/api/matrix.parquet", response_class=Response)
    def parquet() -> Response:
        """The same as a Parquet file."""
        return Response(
            exports.parquet(live.cells),
            media_type="application/vnd.apache.parquet",
            headers={"Content-Disposition": 'attachment; filename="stance_matrix.parquet"'},
        )

    @app.get("/api/evidence")
    def evidence(
        actor: str,
        issue: str,
        period: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> dict[str, Any]:
        """Sentences behind a cell, strongest first. `counted` is false for what no cell counts: allegations (by
        role), copies (by copy_of), and dates that are missing or too coarse."""
        known(actor, issue)
        name = live.manifest["matrix"]["period"]
        found = [
            o
            for o in runs.stored_observations(out, actor, issue)
            if o.stance != "none" and (period is None or PERIODS[name](o.date) == period)
        ]
        found.sort(key=lambda o: -o.strength)
        names = report.OBSERVATIONS.names
        return {
            "total": len(found),
            "evidence": [
                {k: getattr(o, k) for k in names} | {"counted": uncounted(o, PERIODS[name](o.date)) is None}
                for o in found[offset : offset + limit]
            ],
        }

    @app.post("/api/score", status_code=202)
    def score(article: Text) -> dict[str, Any]:
        """Queue a pasted article; ask for its job until it is done. Nothing is added to the run."""
        return jobs.submit_text(article.model_dump())

    @app.post("/api/score/file", status_code=202)
    def score_file(file: Annotated[UploadFile, File()]) -> dict[str, Any]:
        """Queue a file in any format that `stance run` reads."""
        return jobs.submit_file(file.filename or "article.txt", file.file.read(UPLOAD + 1))

    @app.exception_handler(Busy)
    async def busy(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, 429)

    @app.get("/api/jobs")
    def all_jobs() -> list[dict[str, Any]]:
        """Every job of this server, latest first, without its observations."""
        return jobs.all()

    def found_job(number: int) -> dict[str, Any]:
        job = jobs.describe(number)
        if job is None:
            raise HTTPException(404, f"no job {number}")
        return job

    @app.get("/api/jobs/{number}")
    def job(number: int) -> dict[str, Any]:
        """State, progress and, when done, observations of a job."""
        return found_job(number)

    @app.delete("/api/jobs/{number}")
    def cancel(number: int) -> dict[str, Any]:
        """Stop a job that waits or runs."""
        found_job(number)
        jobs.cancel(number)
        return found_job(number)

    @app.post("/api/jobs/{number}/keep", status_code=202)
    def keep(number: int) -> dict[str, Any]:
        """Add the article of a job that is done to the run; its scores are not computed again."""
        if found_job(number)["state"] != "done":
            raise HTTPException(409, f"job {number} is not done; only what was scored can be kept")
        jobs.keep(number)
        return found_job(number)

    Coder = Annotated[str, Query(min_length=1, max_length=60, pattern=r"^[^\s\"'<>]+$")]

    @app.get("/api/label")
    def next_task(coder: Coder) -> dict[str, Any]:
        """What this coder judges next, and how far they are. What others judged is not told."""
        return labels.next(coder)

    @app.post("/api/label")
    def judge(given: Label) -> dict[str, Any]:
        """Keep a label; answers with the next task."""
        labels.add(given.coder, given.task, given.label, given.note)
        return labels.next(given.coder)

    @app.delete("/api/label")
    def undo(coder: Coder) -> dict[str, Any]:
        """Take the coder's last label back; answers with its task."""
        labels.undo(coder)
        return labels.next(coder)

    @app.get("/api/label/gold", response_class=Response)
    def gold(coder: Coder) -> Response:
        """A coder's judgements as a gold file."""
        return Response(
            labels.gold(coder),
            media_type="application/x-ndjson",
            headers={"Content-Disposition": 'attachment; filename="gold.jsonl"'},
        )

    return app


def run_model(out: Path, name: str | None, *, dtype: str, threads: int | None) -> Scorer:
    """The model of this name, or (None) the one that the run in `out` names. Raises ModelError if it cannot be used;
    one that only a hub has must be named, since nothing is fetched unasked."""
    if name is None:
        name = str(runs.open_run(out)[1]["model"]["name"])
        if find_model(name) is None:
            raise ModelError(f"the run was scored by {name!r}, which is not here; name it with `stance serve --model`")
    return load_scorer(name, dtype=dtype, threads=threads)


def listen(out: Path, load: Callable[[], Scorer], host: str, port: int) -> None:
    """Serve until interrupted; prints the address. Raises InputError if there is no complete run, or the address is
    taken."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        raise InputError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --port") from error
    app = create(out, load, hosts=("127.0.0.1", "localhost", host) if host != "0.0.0.0" else ("*",))
    sys.stdout.write(f"http://{host}:{sock.getsockname()[1]}/ shows {out}; Ctrl-C ends it\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[sock])
