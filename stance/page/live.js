"use strict";
/* What a served page can do beside: score an article, and label sentences. Works on top of page.js. */

async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(typeof body.detail === "string" ? body.detail : `the server answered ${answer.status}: ${JSON.stringify(body.detail ?? "")}`);
  return body;
}
const post = (path, body) => ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
const say = (text) => { $("said").textContent = text; };

/** A button that puts all sentences of a cell in the place of the note. */
function fetchEvidence(a, i, note) {
  return h("button", { type: "button", click: async () => {
    const query = new URLSearchParams({ actor: DATA.actors[a][0], issue: DATA.issues[i][0], limit: "1000" });
    if (state.period) query.set("period", state.period);
    const all = [];
    let total = 1;
    for (let offset = 0; offset < total; offset += 1000) {
      query.set("offset", offset);
      const answer = await ask(`/api/evidence?${query}`);
      total = answer.total;
      all.push(...answer.evidence);
    }
    while (note.previousElementSibling?.tagName === "FIGURE") note.previousElementSibling.remove();
    note.replaceWith(...all.filter((o) => o.counted).map((o) => observation(o, a, i)));
  } }, "Show all");
}

/** An observation as the server gives it. */
function observation(o, a = byId(DATA.actors, o.actor), i = byId(DATA.issues, o.issue), named = false) {
  const value = Math.round(o.value * 1000);
  return h("figure", { class: o.stance === "support" ? "for" : o.stance === "oppose" ? "against" : "" },
    h("div", {}, h("b", { class: `tag ${shade(value)}` }, h("span", {}, signed(value))), named ? ` ${actor(a)}: ${issue(i)},` : "",
      ` ${STANCES[o.stance]}, ${ROLES[o.role]} `,
      h("small", {}, `P(for) ${o.support.toFixed(2)}, P(against) ${o.oppose.toFixed(2)}`)),
    h("blockquote", { dir: "auto" }, highlighted(o.sentence, a, i)), named ? null : h("figcaption", {}, `${o.article_id}, ${o.date || "undated"}`));
}

// ---------------------------------------------------------------- score

const scoring = { text: "", title: "", date: "", source: "", job: null, error: "", timer: 0 };

function scoreView() {
  const box = (name, label, props = {}) => h("label", {}, label, h("input", {
    id: `score-${name}`, value: scoring[name], input: (e) => { scoring[name] = e.target.value; }, ...props }));
  const area = h("textarea", { id: "score-text", rows: "12", input: (e) => { scoring.text = e.target.value; } });
  area.value = scoring.text;
  return [h("h2", {}, "Score an article"),
    h("p", { class: "soft" }, "Paste a text, or choose a file that ", h("code", {}, "stance run"), " reads. Nothing is added to the run before you keep it."),
    h("form", { id: "score-form", submit: (e) => { e.preventDefault(); submit(); } },
      h("div", { class: "bar" }, box("title", "Title"), box("date", "Date", { placeholder: "2017-10-22", pattern: "\\d{4}(-\\d\\d(-\\d\\d)?)?" }), box("source", "Source")),
      h("label", { for: "score-text" }, "Text"), area,
      h("div", { class: "bar" }, h("button", { type: "submit", id: "score-go" }, "Score"),
        h("label", {}, "or a file", h("input", { type: "file", id: "score-file", change: (e) => { if (e.target.files[0]) submit(e.target.files[0]); } })))),
    scoring.error ? h("p", { role: "alert" }, scoring.error) : null,
    h("div", { id: "job" }, jobParts())];
}
async function submit(file = null) {
  scoring.error = "";
  try {
    if ((file?.size ?? scoring.text.length) > 4.9e6) throw new Error("An article of more than 5 MB is refused; use stance score for it.");
    let job;
    if (file) {
      const form = new FormData();
      form.append("file", file);
      job = await ask("/api/score/file", { method: "POST", body: form });
    } else {
      const { text, title, date, source } = scoring;
      job = await post("/api/score", { text, title, date, source });
    }
    scoring.job = job;
    watch(job.number);
  } catch (error) {
    scoring.error = error.message;
  }
  render();
}
async function watch(number) {
  clearTimeout(scoring.timer);
  try {
    scoring.job = await ask(`/api/jobs/${number}`);
  } catch (error) {
    scoring.error = error.message;
    return render();
  }
  const box = $("job");
  if (box) box.replaceChildren(...jobParts());
  if (["waiting", "scoring", "keeping"].includes(scoring.job.state)) scoring.timer = setTimeout(watch, 400, number);
  else {
    say(`Article ${scoring.job.state}`);
    if (scoring.job.state === "kept") location.reload();
  }
}
function jobParts() {
  const job = scoring.job;
  if (!job) return [];
  const parts = [h("h3", {}, h("bdi", {}, job.title))];
  const act = (label, path, method) => h("button", { type: "button", id: `job-${label.split(" ")[0].toLowerCase()}`, click: async () => {
    await ask(path, { method, headers: { "Content-Type": "application/json" }, body: method === "POST" ? "{}" : undefined });
    watch(job.number);
  } }, label);
  if (job.state === "waiting" || job.state === "scoring") {
    parts.push(h("p", {}, job.state === "waiting" ? "Waiting for its turn. " : `Scoring: ${job.done} of ${job.total || "?"} pairs. `,
      h("progress", { max: job.total || 1, value: job.done, "aria-label": "Pairs scored" })), act("Cancel", `/api/jobs/${job.number}`, "DELETE"));
  } else if (job.state === "failed" || job.state === "cancelled") {
    parts.push(h("p", { role: "alert" }, job.state === "failed" ? job.error : "Cancelled; nothing was added."));
  } else if (job.state === "keeping" || job.state === "kept") {
    parts.push(h("p", {}, job.state === "keeping" ? "Being added to the run." : "Added to the run."));
  } else {
    const read = job.articles.map((a) => `${a.title || a.article_id}: ${a.status}${a.reason ? `, ${a.reason}` : ""}, ${a.n_sentences || 0} sentences, ${a.date || "undated"}${a.dropped ? `; dropped: ${a.dropped}` : ""}`);
    const found = job.observations.filter((o) => o.role !== "accused");
    const alleged = job.observations.filter((o) => o.role === "accused");
    parts.push(...read.map((line) => h("p", { class: "soft" }, line)), act("Keep in the run", `/api/jobs/${job.number}/keep`, "POST"),
      h("p", {}, found.length ? `${count(found.length, "position")} found.` : "No position of these actors on these issues was found."),
      ...found.map((o) => observation(o, undefined, undefined, true)),
      alleged.length ? h("h3", {}, "Alleged by others, not counted") : "", ...alleged.map((o) => observation(o, undefined, undefined, true)));
  }
  return parts;
}

// ---------------------------------------------------------------- label

const labelling = { coder: "", next: null, error: "", last: "", busy: false };
const KEYS = { s: "support", o: "oppose", m: "mixed", n: "none" };

function labelView() {
  const parts = [h("h2", {}, "Label sentences")];
  if (!labelling.coder) {
    return [...parts, h("p", { class: "soft" }, "Sentences are drawn half at random, half where the matrix hangs on a doubt. What the model found and what others judged is not shown."),
      h("form", { class: "bar", submit: (e) => { e.preventDefault(); const name = $("coder").value.trim(); if (name) { labelling.coder = name; fetchTask(); } } },
        h("label", {}, "Your name as coder", h("input", { id: "coder", required: true, pattern: "[^\\s\"'<>]+", maxlength: "60", autocomplete: "off" })),
        h("button", { type: "submit" }, "Begin")),
      labelling.error ? h("p", { role: "alert" }, labelling.error) : null];
  }
  const next = labelling.next;
  if (labelling.error) parts.push(h("p", { role: "alert" }, labelling.error));
  if (!next) return [...parts, h("p", {}, "Loading…")];
  parts.push(h("p", {}, `${labelling.coder}: ${next.done} of ${next.total} judged. `, h("progress", { max: next.total, value: next.done, "aria-label": "Judged" })));
  const t = next.task;
  if (!t) parts.push(h("p", {}, "All are judged. Thank you."));
  else {
    parts.push(h("div", { id: "task" }, t.context ? h("p", { class: "soft", dir: "auto" }, t.context) : null,
      h("blockquote", { dir: "auto" }, h("strong", {}, t.text)),
      h("p", {}, "What does the sentence show of ", h("b", {}, t.actor_label), " on ", h("b", {}, t.issue_label), "?"),
      h("div", { class: "bar" },
        h("button", { type: "button", id: "key-s", click: () => judge("support") }, h("kbd", {}, "S"), ` support: ${t.support}`),
        h("button", { type: "button", id: "key-o", click: () => judge("oppose") }, h("kbd", {}, "O"), ` oppose: ${t.oppose}`),
        h("button", { type: "button", id: "key-m", click: () => judge("mixed") }, h("kbd", {}, "M"), " both"),
        h("button", { type: "button", id: "key-n", click: () => judge("none") }, h("kbd", {}, "N"), " neither"))));
  }
  parts.push(h("div", { class: "bar" },
    h("button", { type: "button", id: "undo", disabled: !next.done, click: undo }, h("kbd", {}, "U"), " undo", labelling.last ? ` (${labelling.last})` : ""),
    h("a", { href: `/api/label/gold?coder=${encodeURIComponent(labelling.coder)}`, download: true }, "Gold file"),
    h("button", { type: "button", id: "leave", click: () => { Object.assign(labelling, { coder: "", next: null, error: "", last: "" }); render(); } }, "Another coder")));
  return parts;
}
async function labelled(promise, last) {
  labelling.busy = true;
  try {
    labelling.next = await promise;
    labelling.error = "";
    labelling.last = last;
    say(`${labelling.next.done} of ${labelling.next.total} judged`);
  } catch (error) {
    labelling.error = error.message;
    if (!labelling.next) labelling.coder = "";
  }
  labelling.busy = false;
  render();
}
const fetchTask = () => labelled(ask(`/api/label?coder=${encodeURIComponent(labelling.coder)}`), "");
function judge(label) {
  const { coder, next, busy } = labelling;
  if (next?.task && !busy) labelled(post("/api/label", { coder, task: next.task.id, label }), label);
}
function undo() {
  const { coder, next, busy } = labelling;
  if (next?.done && !busy) labelled(ask(`/api/label?coder=${encodeURIComponent(coder)}`, { method: "DELETE" }), "");
}

addEventListener("keydown", (e) => {
  if (state.view !== "label" || !labelling.next || e.repeat || e.ctrlKey || e.metaKey || e.altKey || /INPUT|TEXTAREA|SELECT/.test(e.target.tagName)) return;
  if (KEYS[e.key.toLowerCase()]) judge(KEYS[e.key.toLowerCase()]);
  else if (e.key.toLowerCase() === "u") undo();
});

VIEWS.score = ["Score", scoreView];
VIEWS.label = ["Label", labelView];
readHash();
render();
