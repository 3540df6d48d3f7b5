"use strict";
/* The page of a run. State lives in the URL's hash; every text of the run is set as text, never as markup.

   Parts of DATA, made by stance/page/data.py (numbers in thousandths):
   actors [id, label, names], issues [id, label, templates, actors or null], periods [name],
   cells [actor, issue, period, ...CELL], whole [actor, issue, ...CELL], CELL = value, low, high, support, oppose,
   sentences, articles; points [actor, issue, article, value]; articles [id, title, date, source, url];
   sentences [article, start, end, text or hash];
   evidence [actor, issue, period, sentence, support, oppose, stance, role, alleged in all];
   turns [actor, issue, last, first, before, after, articles before, articles after, p]. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const SIDE = 250; // A cell takes a side from here on.
const DENSE = 1500; // With more cells than this each shows its value alone.
const NETWORK = 40; // Actors the network shows at most.
const HOME = { view: "matrix", period: "", cell: "", article: "", sort: "", find: "", flip: "", a: "", b: "" };

// ---------------------------------------------------------------- small helpers

/** An element; `props` are attributes, or listeners where the value is a function. */
function h(tag, props = {}, ...children) {
  const node = tag.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}
const signed = (v) => (v === null ? "" : (v > 0 ? "+" : v < 0 ? "−" : "") + (Math.abs(v) / 1000).toFixed(2));
const share = (v) => (v / 1000).toFixed(2);
const count = (n, one, many = one + "s") => `${n} ${n === 1 ? one : many}`;
const actor = (k) => DATA.actors[k][1];
const issue = (k) => DATA.issues[k][1];
const side = (v) => (v >= SIDE ? "for" : v <= -SIDE ? "against" : "both for and against");
function shade(value) {
  if (value === null) return "blank";
  const strength = Math.min(4, Math.round(Math.abs(value) / 250));
  return Math.abs(value) < SIDE ? "s0" : (value > 0 ? "s" : "o") + strength;
}
const byId = (list, id) => list.findIndex((entry) => entry[0] === id);
function group(rows, key) {
  const found = new Map();
  for (const row of rows) {
    const name = key(row);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(row);
  }
  return found;
}

// ---------------------------------------------------------------- state and data

let state = { ...HOME };
const tie = (a, i) => a * DATA.issues.length + i;
/** Sorted into groups when first asked for: a large page is to stand before it is searched. */
function lazily(make) {
  let made;
  return (key) => (made ??= make()).get(key) || [];
}
const byTie = (rows) => lazily(() => group(rows, (row) => tie(row[0], row[1])));
const seriesOf = byTie(DATA.cells), pointsOf = byTie(DATA.points), evidenceOf = byTie(DATA.evidence), turnsOf = byTie(DATA.turns);
const periodOf = lazily(() => group(DATA.cells, (c) => DATA.periods[c[2]]));
const cellsOf = new Map();
/** Cells of the chosen period, or of all dates, by tie. */
function current() {
  if (!cellsOf.has(state.period)) {
    const rows = state.period ? periodOf(state.period).map((c) => [tie(c[0], c[1]), c.slice(3)])
      : DATA.whole.map((c) => [tie(c[0], c[1]), c.slice(2)]);
    cellsOf.set(state.period, new Map(rows));
  }
  return cellsOf.get(state.period);
}

function readHash() {
  const given = new URLSearchParams(location.hash.slice(1));
  state = Object.fromEntries(Object.keys(HOME).map((k) => [k, given.get(k) || HOME[k]]));
  if (!DATA.periods.includes(state.period)) state.period = "";
  if (!VIEWS[state.view]) state.view = "matrix";
}
function hashOf(changes = {}) {
  const wanted = { ...state, ...changes };
  const given = Object.entries(wanted).filter(([k, v]) => v !== HOME[k]);
  return "#" + (new URLSearchParams(given).toString() || "view=matrix");
}
/** Change the state, in the URL too; `replace` where going back should not undo every key pressed. */
function go(changes, replace = false) {
  history[replace ? "replaceState" : "pushState"](null, "", hashOf(changes));
  readHash();
  render();
}
const cellLink = (a, i, period = state.period) =>
  hashOf({ view: "matrix", article: "", period, cell: `${DATA.actors[a][0]}.${DATA.issues[i][0]}` });
function chosenCell() {
  const [a, i] = state.cell.split(".");
  const found = [byId(DATA.actors, a), byId(DATA.issues, i)];
  return state.cell && Math.min(...found) >= 0 ? found : null;
}

// ---------------------------------------------------------------- the matrix

const SORTS = {
  "": ["as listed", null],
  most: ["most sentences", (cells) => -cells.reduce((n, c) => n + c[5], 0)],
  for: ["most in favour", (cells) => -mean(cells)],
  against: ["most opposed", (cells) => mean(cells)],
  divided: ["most divided", (cells) => -spread(cells)],
};
const valued = (cells) => cells.map((c) => c[0]).filter((v) => v !== null);
const mean = (cells) => { const v = valued(cells); return v.length ? v.reduce((x, y) => x + y, 0) / v.length : 0; };
const spread = (cells) => { const v = valued(cells); return v.length ? Math.max(...v) - Math.min(...v) : -1; };

/** Actors and issues that are shown, in order: those whose name is looked for, or else all that have a cell. */
function shownAxes() {
  const cells = current();
  const term = state.find.trim().toLowerCase();
  const axes = [[DATA.actors, (a, i) => tie(a, i), DATA.issues], [DATA.issues, (i, a) => tie(a, i), DATA.actors]].map(
    ([own, at, others]) => {
      const places = own.map((_, k) => k);
      const of = new Map(places.map((k) => [k, others.map((_, o) => cells.get(at(k, o))).filter(Boolean)]));
      let shown = places.filter((k) => of.get(k).length);
      const hits = term ? places.filter((k) => own[k][1].toLowerCase().includes(term)) : [];
      if (hits.length) shown = hits;
      const order = (SORTS[state.sort] || SORTS[""])[1];
      if (order) shown.sort((x, y) => order(of.get(x)) - order(of.get(y)) || x - y);
      return [shown, hits.length];
    });
  return { actors: axes[0][0], issues: axes[1][0], missed: term && !axes[0][1] && !axes[1][1] };
}

function describe(a, i, cell, period) {
  const name = `${actor(a)}: ${issue(i)}${period ? `, ${period}` : ""}`;
  if (!cell) return `${name}: no position found`;
  const [value, low, high, support, oppose, sentences, articles] = cell;
  const rest = `${support} for, ${oppose} against; ${count(sentences, "sentence")} in ${count(articles, "article")}`;
  if (value === null) return `${name}: blank, too little evidence (${rest})`;
  const interval = low === null ? "" : `, 95% interval ${signed(low)} to ${signed(high)}`;
  return `${name}: ${signed(value)}, ${side(value)}${interval}; ${rest}`;
}

function matrixView() {
  const { actors, issues, missed } = shownAxes();
  const flip = (state.flip || (DATA.actors.length > 14 ? "1" : "0")) === "1";
  const [rows, columns] = flip ? [actors, issues] : [issues, actors];
  const [rowName, columnName] = flip ? [actor, issue] : [issue, actor];
  const cells = current();
  const open = chosenCell();
  const dense = rows.length * columns.length > DENSE;
  const table = h("table", { class: `matrix${dense ? " dense" : ""}`, role: "grid", "aria-labelledby": "matrix-title" },
    h("thead", {}, h("tr", { role: "row" }, h("th", { scope: "col", role: "columnheader" }, flip ? "Actor" : "Issue"),
      columns.map((k) => h("th", { scope: "col", role: "columnheader" }, columnName(k))))));
  const body = h("tbody", {});
  let first = true;
  for (const r of rows) {
    const line = h("tr", { role: "row" }, h("th", { scope: "row", role: "rowheader" }, rowName(r)));
    for (const c of columns) {
      const [a, i] = flip ? [r, c] : [c, r];
      const cell = cells.get(tie(a, i));
      const chosen = open && open[0] === a && open[1] === i;
      const td = h("td", {
        role: "gridcell", tabindex: chosen || (!open && first && cell) ? "0" : "-1",
        class: `${cell ? shade(cell[0]) : "none"}${chosen ? " chosen" : ""}`, "data-cell": `${a} ${i}`,
        "aria-selected": chosen ? "true" : "false",
      });
      if (cell) {
        first = false;
        td.append(h("span", {}, signed(cell[0]) || "·"));
        if (!dense) td.append(h("small", {}, `${cell[3]} / ${cell[4]}`));
      }
      line.append(td);
    }
    body.append(line);
  }
  table.append(body);
  if (dense) table.style.width = `${14 + 3.4 * columns.length}rem`;
  if (!table.querySelector('[tabindex="0"]')) table.querySelector("td")?.setAttribute("tabindex", "0");
  gridKeys(table);
  const left = h("section", { "aria-labelledby": "matrix-title" },
    h("h2", { id: "matrix-title" }, `Who stands where${state.period ? `, ${state.period}` : ""}`), toolbar(flip), legend(),
    missed ? h("p", {}, `No actor and no issue is called “${state.find}”.`) : null,
    rows.length && columns.length ? h("div", { class: "wide" }, table)
      : h("p", {}, "No cell: no dated sentence shows a position of these actors on these issues."));
  return h("div", { class: `split${open ? " open" : ""}` }, left, open ? cellView(...open) : null);
}

function toolbar(flip) {
  const step = (by) => {
    const all = ["", ...DATA.periods];
    return all[all.indexOf(state.period) + by];
  };
  const mover = (by, sign, label) => h("button", {
    type: "button", "aria-label": label, disabled: step(by) === undefined, id: `step${by}`,
    click: () => go({ period: step(by) }),
  }, sign);
  return h("div", { class: "bar" },
    h("div", {}, h("label", { for: "period" }, `Period (${DATA.period})`), h("div", { class: "group" },
      mover(-1, "‹", "Earlier period"),
      h("select", { id: "period", change: (e) => go({ period: e.target.value }) },
        ["", ...DATA.periods].map((p) => h("option", { value: p, selected: p === state.period }, p || "All dates"))),
      mover(1, "›", "Later period"))),
    h("label", {}, "Find an actor or issue", h("input", {
      id: "find", type: "search", value: state.find, autocomplete: "off",
      input: (e) => go({ find: e.target.value }, true),
    })),
    h("label", { class: "narrow" }, "Order", h("select", { id: "sort", change: (e) => go({ sort: e.target.value }) },
      Object.entries(SORTS).map(([k, [label]]) => h("option", { value: k, selected: k === state.sort }, label)))),
    h("button", { type: "button", id: "flip", "aria-pressed": String(flip), click: () => go({ flip: flip ? "0" : "1" }) },
      "Actors down"),
    h("details", { class: "menu" }, h("summary", { class: "button" }, "Download"), h("div", {},
      h("button", { type: "button", id: "csv-long", click: () => save("stance_matrix.csv", "text/csv", longCsv()) },
        "CSV, a row a cell"),
      h("button", { type: "button", id: "csv-wide", click: () => save("stance_matrix_wide.csv", "text/csv", wideCsv()) },
        "CSV, periods across"),
      h("button", { type: "button", id: "graphml", click: () => save("stance.graphml", "application/xml", graphml()) },
        "GraphML, for Gephi or visone"),
      DATA.live ? h("a", { href: "/api/matrix.parquet", download: true }, "Parquet, a row a cell") : null)));
}

function legend() {
  const swatch = (c) => h("span", { class: `swatch ${c}` });
  return h("p", { class: "legend" },
    h("span", {}, "against ", h("span", { class: "scale" }, ["o4", "o3", "o2", "o1", "s1", "s2", "s3", "s4"].map(swatch)), " for"),
    h("span", {}, swatch("s0"), " mixed"), h("span", {}, swatch("blank"), " too little evidence"),
    h("span", {}, "5 / 1: sentences for / against"));
}

/** Arrow keys move through the grid, Enter opens a cell; pointing and focus show what it says. */
function gridKeys(table) {
  const open = (td) => {
    if (td.classList.contains("none")) return;
    const [a, i] = td.dataset.cell.split(" ").map(Number);
    const cell = `${DATA.actors[a][0]}.${DATA.issues[i][0]}`;
    if (state.cell === cell) return close();
    go({ cell });
    $("cell-title")?.focus({ preventScroll: matchMedia("(min-width: 70rem)").matches });
  };
  table.addEventListener("click", (e) => { const td = e.target.closest("td"); if (td) open(td); });
  table.addEventListener("keydown", (e) => {
    const td = e.target.closest("td");
    if (!td) return;
    const line = td.parentNode, lines = [...line.parentNode.children];
    const x = td.cellIndex, y = lines.indexOf(line), last = line.cells.length - 1;
    const to = { ArrowLeft: [x - 1, y], ArrowRight: [x + 1, y], ArrowUp: [x, y - 1], ArrowDown: [x, y + 1],
      Home: [1, y], End: [last, y], PageUp: [x, 0], PageDown: [x, lines.length - 1] }[e.key];
    if (to) {
      const next = lines[to[1]]?.cells[to[0]];
      if (next && next.tagName === "TD") {
        table.querySelectorAll('td[tabindex="0"]').forEach((other) => other.setAttribute("tabindex", "-1"));
        next.setAttribute("tabindex", "0");
        next.focus();
      }
      e.preventDefault();
    } else if (e.key === "Enter" || e.key === " ") {
      open(td);
      e.preventDefault();
    }
  });
  for (const name of ["mouseover", "focusin"]) table.addEventListener(name, (e) => tip(e.target.closest("td")));
  for (const name of ["mouseleave", "focusout"]) table.addEventListener(name, () => tip(null));
}

function tip(td) {
  const box = $("tip");
  document.querySelector("[aria-describedby=tip]")?.removeAttribute("aria-describedby");
  box.hidden = !td || td.classList.contains("none");
  if (box.hidden) return;
  const [a, i] = td.dataset.cell.split(" ").map(Number);
  box.textContent = describe(a, i, current().get(tie(a, i)), state.period).replace(": ", "\n").replaceAll("; ", "\n");
  td.setAttribute("aria-describedby", "tip");
  const at = td.getBoundingClientRect();
  const left = Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 8);
  box.style.left = `${Math.max(8, left) + scrollX}px`;
  const above = at.top - box.offsetHeight - 6;
  box.style.top = `${(above < 0 ? at.bottom + 6 : above) + scrollY}px`;
}

// ---------------------------------------------------------------- a cell

function cellView(a, i) {
  const cell = current().get(tie(a, i));
  const found = evidenceOf(tie(a, i)).filter((e) => !state.period || DATA.periods[e[2]] === state.period);
  const own = found.filter((e) => e[7] !== "accused").sort((x, y) => Math.max(y[4], y[5]) - Math.max(x[4], x[5]));
  const alleged = found.filter((e) => e[7] === "accused");
  const hidden = (cell ? cell[5] : 0) - own.length;
  return h("aside", { "aria-labelledby": "cell-title" },
    h("div", { class: "head" },
      h("h2", { id: "cell-title", tabindex: "-1" }, `${actor(a)}: ${issue(i)}`),
      h("button", { type: "button", id: "close", click: close, "aria-label": "Close this cell" }, "✕")),
    h("p", {}, cell && cell[0] !== null ? h("b", { class: `tag ${shade(cell[0])}` }, h("span", {}, signed(cell[0]))) : null,
      " ", describe(a, i, cell, "").slice(`${actor(a)}: ${issue(i)}: `.length).replace(/^[+−]?[\d.]+, /, ""), "."),
    timeline(a, i),
    h("h3", {}, state.period ? `Sentences in ${state.period}` : "Sentences", ", strongest first"),
    own.map((e) => sentence(e)),
    hidden > 0 ? more(a, i, hidden) : null,
    alleged.length ? [h("h3", {}, "Alleged by others, not counted"),
      h("p", { class: "soft" }, "What a rival says of an actor is not the actor's position."),
      alleged.map((e) => sentence(e)),
      alleged[0][8] > alleged.length ? h("p", { class: "soft" }, `${alleged[0][8]} in all, at all dates.`) : null] : null);
}
function close() {
  const at = state.cell;
  go({ cell: "" });
  const [a, i] = at.split(".");
  document.querySelector(`td[data-cell="${byId(DATA.actors, a)} ${byId(DATA.issues, i)}"]`)?.focus();
}
function more(a, i, hidden) {
  const cap = DATA.cap ? `The page shows the ${DATA.cap} strongest of each side of every cell` : "The page shows the strongest sentences of the run";
  const all = Math.max(50, current().get(tie(a, i))[5]);
  const where = `stance explain OUT --actor ${DATA.actors[a][0]} --issue ${DATA.issues[i][0]} --limit ${all}`;
  const note = h("p", { class: "soft" }, `${count(hidden, "more sentence")}. ${cap}; observations.csv and `, h("code", {}, where), " have all.");
  if (typeof fetchEvidence === "function") note.append(" ", fetchEvidence(a, i, note));
  return note;
}

/** Words of the sentence that name the actor, and words it shares with the issue's propositions, marked. */
function highlighted(text, a, i) {
  const spans = [];
  const escaped = DATA.actors[a][2].map((n) => n.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).sort((x, y) => y.length - x.length);
  for (const m of text.matchAll(new RegExp(`(?<![\\p{L}\\p{N}])(?:${escaped.join("|")})(?![\\p{L}\\p{N}])`, "giu"))) {
    const plain = m[0] === m[0].toLowerCase() && m[0] !== m[0].toUpperCase();
    const known = !plain || DATA.actors[a][2].includes(m[0]);
    if (known) spans.push([m.index, m.index + m[0].length, "holder"]);
  }
  const stems = new Set(DATA.issues[i][2].flatMap((t) => stemsOf(t.replace("{actor}", " "))).map((s) => s[2]));
  for (const [start, end, stem] of stemsOf(text)) {
    if (stems.has(stem) && !spans.some(([s, e]) => start < e && end > s)) spans.push([start, end, "word"]);
  }
  spans.sort((x, y) => x[0] - y[0]);
  const out = [];
  let at = 0;
  for (const [start, end, kind] of spans) {
    out.push(text.slice(at, start), h("mark", { class: kind }, text.slice(start, end)));
    at = end;
  }
  return [...out, text.slice(at)];
}
const DULL = new Set(("about accept actor after against agree allow being believe could defend demand favour from have " +
  "into oppose other reject refuse should support than that their them there these they this want which willing with " +
  "would").split(" ").map((w) => w.slice(0, 5)));
function stemsOf(text) {
  return [...text.matchAll(/\p{L}{4,}/gu)].map((m) => [m.index, m.index + m[0].length, m[0].toLowerCase().slice(0, 5)])
    .filter(([, , stem]) => !DULL.has(stem));
}

const ROLES = { own: "own words or acts", reported: "as reported", accused: "alleged by others, not counted" };
const STANCES = { support: "for", oppose: "against", mixed: "for and against", none: "no position" };
function sentence(e) {
  const [a, i, , s, support, oppose, stance, role] = e;
  const [article, start, end, text] = DATA.sentences[s];
  const [id, title, date, source, url] = DATA.articles[article];
  const words = DATA.text ? h("blockquote", { dir: "auto" }, highlighted(text, a, i))
    : h("p", { class: "soft" }, `Characters ${start} to ${end}, SHA-256 ${text.slice(0, 16)}…`);
  return h("figure", { class: stance === "support" ? "for" : stance === "oppose" ? "against" : "" },
    h("div", {}, h("b", { class: `tag ${shade(support - oppose)}` }, h("span", {}, signed(support - oppose))),
      ` ${STANCES[stance]}, ${ROLES[role]} `,
      h("small", {}, `P(for) ${share(support)}, P(against) ${share(oppose)}`)),
    words,
    h("figcaption", {}, h("bdi", {}, title || id), source ? [", ", h("bdi", {}, source)] : null, `, ${date || "undated"}. `,
      h("a", { href: hashOf({ view: "article", article: id }) }, "All of this article"),
      url ? [" ", h("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, "Source")] : null));
}

// ---------------------------------------------------------------- a cell's time line

const day = (date) => Date.UTC(+date.slice(0, 4), date.length > 4 ? +date.slice(5, 7) - 1 : 5, date.length > 7 ? +date.slice(8, 10) : 15);
/** First and last day of a period, as milliseconds. */
function span(period) {
  const year = +period.slice(0, 4);
  if (/-Q/.test(period)) return [Date.UTC(year, 3 * (+period[6] - 1)), Date.UTC(year, 3 * +period[6])];
  if (/-W/.test(period)) {
    const fourth = Date.UTC(year, 0, 4); // The week with the fourth of January is the first.
    const monday = fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * 864e5 + (+period.slice(6) - 1) * 7 * 864e5;
    return [monday, monday + 7 * 864e5];
  }
  if (period.length === 4) return [Date.UTC(year, 0), Date.UTC(year + 1, 0)];
  const month = +period.slice(5, 7) - 1;
  if (period.length === 7) return [Date.UTC(year, month), Date.UTC(year, month + 1)];
  return [day(period) - 432e5, day(period) + 432e5];
}

function timeline(a, i) {
  const dots = pointsOf(tie(a, i));
  if (!dots.length) return null;
  const levels = seriesOf(tie(a, i)).filter((c) => c[3] !== null && c[2] >= 0 && DATA.periods[c[2]] !== "all");
  const spans = levels.map((c) => span(DATA.periods[c[2]]));
  const times = [...dots.map((d) => day(DATA.articles[d[2]][2])), ...spans.flat()];
  let [from, to] = [Math.min(...times), Math.max(...times)];
  const margin = Math.max((to - from) * 0.03, 10 * 864e5);
  [from, to] = [from - margin, to + margin];
  const W = 520, H = 190, L = 34, R = 8, T = 12, B = 22;
  const x = (t) => L + ((t - from) / (to - from)) * (W - L - R);
  const y = (v) => T + ((1000 - v) / 2000) * (H - T - B);
  const at = (t) => x(t).toFixed(1);
  const svg = h("svg:svg", { viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": `${actor(a)}, ${issue(i)}: over time, from against (−1) to for (+1)` });
  for (const v of [1000, 0, -1000]) {
    svg.append(h("svg:line", { x1: L, x2: W - R, y1: y(v), y2: y(v), class: v ? "axis" : "zero" }),
      h("svg:text", { x: L - 6, y: y(v) + 4, "text-anchor": "end" }, v ? signed(v).replace(".00", "") : "0"));
  }
  ticks(from, to, 6).forEach(([t, label]) => svg.append(
    h("svg:line", { x1: at(t), x2: at(t), y1: T, y2: H - B, class: "axis" }),
    h("svg:text", { x: at(t), y: H - 6, "text-anchor": "middle" }, label)));
  levels.forEach((c, k) => {
    const [begin, end] = spans[k].map(x);
    const wide = Math.max(end - begin, 3);
    if (c[4] !== null) svg.append(h("svg:rect", { x: begin, width: wide, y: y(c[5]), height: y(c[4]) - y(c[5]), class: "band" }));
    svg.append(h("svg:line", { x1: begin, x2: begin + wide, y1: y(c[3]), y2: y(c[3]), class: "level" }));
  });
  if (levels.length > 1) {
    const middle = levels.map((c, k) => `${((x(spans[k][0]) + x(spans[k][1])) / 2).toFixed(1)},${y(c[3]).toFixed(1)}`);
    svg.append(h("svg:polyline", { points: middle.join(" "), class: "path" }));
  }
  for (const t of turnsOf(tie(a, i))) {
    const middle = x((day(t[2]) + day(t[3])) / 2);
    svg.append(h("svg:line", { x1: middle, x2: middle, y1: T, y2: H - B, class: "turn" }),
      h("svg:text", { x: middle + 4, y: T + 9, class: "turn" }, "turn"));
  }
  for (const d of dots) {
    const [id, title, date, source] = DATA.articles[d[2]];
    const label = `${date}, ${source || title || id}: ${signed(d[3])}`;
    svg.append(h("svg:a", { href: hashOf({ view: "article", article: id }), "aria-label": label },
      h("svg:circle", { cx: at(day(date)), cy: y(d[3]), r: 5, class: `dot ${Math.abs(d[3]) < SIDE ? "even" : side(d[3])}` },
        h("svg:title", {}, label))));
  }
  return h("div", {}, svg, h("p", { class: "soft" }, h("small", {},
    `A dot an article; a bar a ${DATA.period}'s value with its 95% interval.`)));
}
/** Up to `most` round dates between two times, with labels. */
function ticks(from, to, most) {
  const first = new Date(from), months = (to - from) / 2629746e3;
  const step = [1, 2, 3, 6, 12, 24, 60, 120, 240].find((m) => months / m <= most) || 480;
  const out = [];
  let m = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / step) * step;
  for (; Date.UTC(0, m) && out.length < 20; m += step) {
    const t = Date.UTC(Math.floor(m / 12), m % 12);
    if (t > to) break;
    if (t >= from) out.push([t, step < 12 ? `${Math.floor(m / 12)}-${String((m % 12) + 1).padStart(2, "0")}` : String(Math.floor(m / 12))]);
  }
  return out;
}

// ---------------------------------------------------------------- an article

function articleView() {
  const number = byId(DATA.articles, state.article);
  if (number < 0) return h("p", {}, `No article “${state.article}” on this page.`);
  const [id, title, date, source, url] = DATA.articles[number];
  const marked = group(DATA.evidence.filter((e) => DATA.sentences[e[3]][0] === number), (e) => e[3]);
  const order = [...marked.keys()].sort((x, y) => DATA.sentences[x][1] - DATA.sentences[y][1]);
  return h("article", {},
    h("h2", {}, h("bdi", {}, title || id)),
    h("p", { class: "soft" }, source ? h("bdi", {}, `${source}, `) : null, date || "undated", url ? ". " : null,
      url ? h("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, "Source") : null),
    h("p", {}, `${count(order.length, "marked sentence")} of this article, in its order`, order.length ? "" : " (the page holds the strongest of each cell)", "."),
    order.map((s) => {
      const [, start, end, text] = DATA.sentences[s];
      const found = marked.get(s);
      return h("figure", {},
        DATA.text ? h("blockquote", { dir: "auto" }, found.length === 1 ? highlighted(text, found[0][0], found[0][1]) : text)
          : h("p", { class: "soft" }, `Characters ${start} to ${end}, SHA-256 ${text.slice(0, 16)}…`),
        h("div", { class: "chips" }, found.map(([a, i, p, , support, oppose, stance, role]) => h("a", {
          class: role === "accused" ? "blank" : shade(support - oppose), href: cellLink(a, i, DATA.periods[p] ? state.period : ""),
        }, h("span", {}, `${actor(a)}: ${issue(i)}, ${role === "accused" ? "alleged " : ""}${STANCES[stance]} ${signed(support - oppose)}`)))));
    }));
}

// ---------------------------------------------------------------- who moved

function turnsView() {
  const strongest = (a, i, ok) => evidenceOf(tie(a, i)).filter((e) => e[7] !== "accused" && ok(e))
    .sort((x, y) => Math.abs(y[4] - y[5]) - Math.abs(x[4] - x[5]))[0];
  const dateOf = (e) => DATA.articles[DATA.sentences[e[3]][0]][2];
  const intro = h("p", { class: "soft" }, "The date before and after which articles differ most: where all before it lie on one side and all after it on the other, ",
    "or where a permutation test finds the shift (false discoveries held at 5%). With fewer than eight articles nothing can be tested.");
  if (!DATA.turns.length) return [h("h2", {}, "Who moved"), intro, h("p", {}, "No position in this run turned.")];
  return [h("h2", {}, "Who moved"), intro, DATA.turns.map(([a, i, last, first, before, after, n, m, p]) => {
    const was = strongest(a, i, (e) => dateOf(e) && dateOf(e) <= last && Math.sign(e[4] - e[5]) === Math.sign(before));
    const is = strongest(a, i, (e) => dateOf(e) >= first && Math.sign(e[4] - e[5]) === Math.sign(after));
    const tag = (v) => h("b", { class: `tag ${shade(v)}` }, h("span", {}, signed(v)));
    return h("section", { class: "turned" },
      h("h3", {}, h("a", { href: cellLink(a, i, "") }, `${actor(a)}: ${issue(i)}`)),
      h("p", {}, tag(before), ` to ${last} (${count(n, "article")}) → `, tag(after), ` from ${first} (${count(m, "article")}). `,
        h("small", {}, p === null ? "Too few articles to test." : `p = ${p < 0.001 ? "under 0.001" : p.toFixed(3)}.`)),
      was ? sentence(was) : null, is ? sentence(is) : null);
  })];
}

// ---------------------------------------------------------------- two actors, and all of them

function agreement(a, b, cells) {
  let agree = 0, disagree = 0;
  DATA.issues.forEach((_, i) => {
    const [x, y] = [cells.get(tie(a, i)), cells.get(tie(b, i))];
    if (!x || !y || x[0] === null || y[0] === null || Math.abs(x[0]) < SIDE || Math.abs(y[0]) < SIDE) return;
    if (x[0] * y[0] > 0) agree += 1; else disagree += 1;
  });
  return [agree, disagree];
}

function compareView() {
  const cells = current();
  const busy = DATA.actors.map((_, a) => [a, DATA.issues.reduce((n, _i, i) => n + (cells.get(tie(a, i))?.[5] || 0), 0)])
    .filter(([, n]) => n).sort((x, y) => y[1] - x[1]).map(([a]) => a);
  if (busy.length < 2) return [h("h2", {}, "Compare"), h("p", {}, "Two actors with positions are needed to compare.")];
  const pick = (name, other) => { const k = byId(DATA.actors, state[name]); return k >= 0 ? k : busy.find((x) => x !== other); };
  const a = pick("a", -1), b = pick("b", a);
  const select = (name, chosen) => h("label", {}, name === "a" ? "First actor" : "Second actor", h("select", {
    id: `actor-${name}`, change: (e) => go({ [name]: e.target.value }),
  }, DATA.actors.map(([id, label], k) => h("option", { value: id, selected: k === chosen }, label))));
  const shown = (cell) => cell && cell[0] !== null ? h("b", { class: `tag ${shade(cell[0])}` }, h("span", {}, signed(cell[0]))) : "";
  const rows = DATA.issues.map((_, i) => [i, cells.get(tie(a, i)), cells.get(tie(b, i))]).filter(([, x, y]) => x || y);
  const verdict = (x, y) => {
    if (!x || !y || x[0] === null || y[0] === null) return "one alone";
    if (Math.abs(x[0]) < SIDE || Math.abs(y[0]) < SIDE) return "mixed";
    return x[0] * y[0] > 0 ? "agree" : "disagree";
  };
  const [agree, disagree] = agreement(a, b, cells);
  return [h("h2", {}, "Compare two actors"),
    h("div", { class: "bar" }, select("a", a), select("b", b), periodSelect()),
    h("p", {}, `On ${count(agree, "issue")} they stand on the same side, on ${disagree} on opposite sides.`),
    h("div", { class: "wide" }, h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, ["Issue", actor(a), actor(b), ""].map((t, k) => h(k < 3 ? "th" : "td", k < 3 ? { scope: "col" } : {}, t)))),
      h("tbody", {}, rows.map(([i, x, y]) => h("tr", {}, h("th", { scope: "row" }, issue(i)),
        h("td", {}, x ? h("a", { href: cellLink(a, i), "aria-label": describe(a, i, x, state.period) }, shown(x) || "blank") : ""),
        h("td", {}, y ? h("a", { href: cellLink(b, i), "aria-label": describe(b, i, y, state.period) }, shown(y) || "blank") : ""),
        h("td", {}, verdict(x, y))))))),
    h("h2", {}, "Who stands with whom"),
    network(busy.slice(0, NETWORK), cells),
    busy.length > NETWORK ? h("p", { class: "soft" }, `The ${NETWORK} actors with most sentences, of ${busy.length}.`) : null];
}
function periodSelect() {
  return h("label", {}, "Period", h("select", { id: "period", change: (e) => go({ period: e.target.value }) },
    ["", ...DATA.periods].map((p) => h("option", { value: p, selected: p === state.period }, p || "All dates"))));
}

function network(actors, cells) {
  const W = 760, H = 520, n = actors.length;
  const at = actors.map((_, k) => {
    const turn = (2 * Math.PI * k) / n - Math.PI / 2;
    return [W / 2 + Math.cos(turn) * 210, H / 2 + Math.sin(turn) * 210, turn];
  });
  const ties = [];
  for (let j = 0; j < n; j++) for (let k = j + 1; k < n; k++) ties.push([j, k, ...agreement(actors[j], actors[k], cells)]);
  const most = Math.max(1, ...ties.map((t) => Math.max(t[2], t[3])));
  const svg = h("svg:svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Ties between actors; listed below" });
  for (const [j, k, agree, disagree] of ties) {
    const [x1, y1] = at[j], [x2, y2] = at[k], far = Math.hypot(x2 - x1, y2 - y1);
    const [dx, dy] = [((y2 - y1) / far) * 3, ((x1 - x2) / far) * 3]; // Both ties of a pair are seen side by side.
    const line = (kind, number, sign) => number && svg.append(h("svg:line", {
      x1: x1 + dx * sign, y1: y1 + dy * sign, x2: x2 + dx * sign, y2: y2 + dy * sign, class: kind,
      "stroke-width": (1 + (5 * number) / most).toFixed(1),
    }, h("svg:title", {}, `${actor(actors[j])} and ${actor(actors[k])} ${kind} on ${count(number, "issue")}`)));
    line("agree", agree, 1);
    line("disagree", disagree, -1);
  }
  at.forEach(([x, y, turn], k) => {
    const out = 14, right = Math.cos(turn);
    svg.append(h("svg:circle", { cx: x, cy: y, r: 6, class: "node" }), h("svg:text", {
      x: x + right * out, y: y + Math.sin(turn) * out + 4, class: "name",
      "text-anchor": right > 0.3 ? "start" : right < -0.3 ? "end" : "middle",
    }, actor(actors[k])));
  });
  const told = ties.filter((t) => t[2] || t[3]).sort((x, y) => y[2] + y[3] - x[2] - x[3]);
  return [h("p", { class: "legend" }, h("span", {}, "blue, whole: issues on which both stand on one side"),
    h("span", {}, "orange, broken: on opposite sides"), h("span", {}, "the wider, the more issues")),
  h("div", { class: "wide" }, svg),
  h("details", {}, h("summary", {}, "As a list"), h("ul", {}, told.map(([j, k, agree, disagree]) =>
    h("li", {}, `${actor(actors[j])} and ${actor(actors[k])}: agree on ${agree}, disagree on ${disagree}`))))];
}

// ---------------------------------------------------------------- how good it is

function qualityView() {
  const q = DATA.quality, m = q.manifest, gold = q.gold;
  const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(([, v]) => v !== undefined && v !== "").map(
    ([k, v]) => [h("dt", {}, k), h("dd", {}, v)]));
  const rate = (f) => f && f.value !== null ? `${f.value.toFixed(3)}${f.low !== null && f.low !== undefined ? ` [${f.low.toFixed(3)}, ${f.high.toFixed(3)}]` : ""}` : "none";
  const counted = Object.entries(q.statuses).map(([k, n]) => `${n} ${k}`).join(", ");
  const left = Object.entries(m.matrix?.observations_left_out || {}).map(([k, n]) => `${n} ${k}`).join(", ");
  const list = (title, rows, total) => rows.length ? h("details", {}, h("summary", {}, `${title} (${total})`),
    h("div", { class: "wide" }, h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, ["Article", "Date", "Status", "Sentences", "Dropped"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, rows.map(([id, name, date, source, url, found, status, reason, n, dropped, path]) => h("tr", {},
        h("td", {}, url ? h("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, h("bdi", {}, name || id)) : h("bdi", {}, name || id),
          " ", h("small", {}, h("bdi", {}, source || path))),
        h("td", {}, date, " ", h("small", {}, found)), h("td", {}, status, " ", h("small", {}, reason)),
        h("td", {}, n), h("td", {}, dropped)))))),
    total > rows.length ? h("p", { class: "soft" }, `The first ${rows.length}; articles.csv has all.`) : null) : null;
  const all = Object.values(q.statuses).reduce((x, y) => x + y, 0), read = q.statuses.read || 0;
  return [h("h2", {}, "What was read"),
    facts([["Articles", counted || "none"], ["Sentences", m.counts?.sentences], ["Longer than the model reads", m.counts?.sentences_clipped],
      ["Dropped, as nobody's word", Object.entries(q.drops).map(([k, n]) => `${n} ${k}`).join(", ")],
      ["Sentences left out of the matrix", left]]),
    list("Set apart", q.apart, all - read), list("Read", q.read, read),
    h("h2", {}, "Checked against gold"),
    gold ? facts([["Judgements", `${gold.judgements} in ${count(gold.articles, "article")}`], ["Macro-F1", rate(gold.macro_f1)],
      ["Wrong signs, of all judgements", rate(gold.sign_errors)], ["Positions: F1", rate(gold.positions.f1)],
      ["Precision", rate(gold.positions.precision)], ["Recall", rate(gold.positions.recall)]])
      : h("p", {}, "This run was not checked against gold: ", h("code", {}, "stance eval GOLD -c CONFIG --articles ARTICLES -o OUT"), " does it."),
    gold ? h("p", { class: "soft" }, "Intervals are 95%, by article. eval.md in the run's folder has classes, actors, issues and every failure.") : null,
    h("h2", {}, "How to reproduce"),
    facts([["Command", (m.command || []).join(" ")], ["Configuration", m.config?.sha256], ["Model", m.model?.name],
      ["Model's fingerprint", m.model?.fingerprint], ["Head", m.head?.sha256], ["Matrix", m.matrix ? `by ${m.matrix.period}, ${m.matrix.aggregation}, at least ${count(m.matrix.min_sentences, "sentence")} a cell` : ""]]),
    h("details", {}, h("summary", {}, "Manifest"), h("pre", { tabindex: "0" }, JSON.stringify(m, null, 2)))];
}

// ---------------------------------------------------------------- downloads

function save(name, type, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
/** As the files of the run: made safe for spreadsheets, quoted where needed. */
function csv(rows) {
  const field = (v) => {
    const text = v === null || v === undefined ? "" : typeof v === "string" && /^[=+\-@\t\r]/.test(v) ? `'${v}` : String(v);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((r) => r.map(field).join(",")).join("\n") + "\n";
}
/** A number and no text: `csv` would take a minus for the beginning of a formula. */
const decimal = (v) => (v === null ? null : Number((v / 1000).toFixed(3)));
const stanceOf = (v) => (v === null ? "none" : v >= SIDE ? "support" : v <= -SIDE ? "oppose" : "mixed");
function longCsv() {
  return csv([["actor", "issue", "period", "stance", "value", "ci_low", "ci_high", "support", "oppose", "n_sentences", "n_articles"],
    ...DATA.cells.map(([a, i, p, value, low, high, ...counts]) => [DATA.actors[a][0], DATA.issues[i][0], DATA.periods[p],
      stanceOf(value), decimal(value), decimal(low), decimal(high), ...counts])]);
}
function wideCsv() {
  const rows = [...group(DATA.cells, (c) => tie(c[0], c[1])).values()].map((cells) => {
    const values = new Map(cells.map((c) => [c[2], c[3]]));
    return [DATA.actors[cells[0][0]][0], DATA.issues[cells[0][1]][0],
      ...DATA.periods.map((_, p) => decimal(values.get(p) ?? null))];
  });
  return csv([["actor", "issue", ...DATA.periods], ...rows]);
}
/** Actors and issues; sentences for and against are ties of their own, as Discourse Network Analyzer has them. */
function graphml() {
  const esc = (t) => t.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "").replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const node = (kind, [id, label]) => `<node id="${kind}:${esc(id)}"><data key="kind">${kind}</data><data key="label">${esc(label)}</data></node>`;
  const edges = [...current()].flatMap(([k, c]) => {
    const [a, i] = [Math.floor(k / DATA.issues.length), k % DATA.issues.length];
    return [["agree", c[3]], ["disagree", c[4]]].filter(([, n]) => n).map(([name, n]) =>
      `<edge source="actor:${esc(DATA.actors[a][0])}" target="issue:${esc(DATA.issues[i][0])}"><data key="tie">${name}</data><data key="weight">${n}</data></edge>`);
  });
  const key = (id, on, type) => `<key id="${id}" for="${on}" attr.name="${id}" attr.type="${type}"/>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n${[
    key("kind", "node", "string"), key("label", "node", "string"), key("tie", "edge", "string"), key("weight", "edge", "int"),
    '<graph edgedefault="undirected">', ...DATA.actors.map((e) => node("actor", e)), ...DATA.issues.map((e) => node("issue", e)),
    ...edges].join("\n")}\n</graph>\n</graphml>\n`;
}

// ---------------------------------------------------------------- the whole

/** Views by name: title on the tab (none: not on it), what it shows. A served page adds its own. */
const VIEWS = {
  matrix: ["Matrix", matrixView],
  turns: ["Turns", turnsView],
  compare: ["Compare", compareView],
  quality: ["Quality", qualityView],
  article: [null, articleView],
};

function header() {
  const q = DATA.quality, dates = DATA.articles.map((a) => a[2]).filter(Boolean).sort();
  const range = dates.length ? `, ${dates[0]} to ${dates[dates.length - 1]}` : "";
  $("head").replaceChildren(h("h1", {}, DATA.name), DATA.description ? h("p", {}, DATA.description) : "",
    h("p", { class: "soft" }, `${count(q.statuses.read || 0, "article")}${range}. ${DATA.actors.length} actors, ${DATA.issues.length} issues. `,
      "A value runs from −1, against, to +1, for; a blank is too little evidence, not a middle position."));
}

function render() {
  const focus = document.activeElement?.id, from = document.activeElement?.selectionStart;
  tip(null);
  const tabs = Object.entries(VIEWS).filter(([, [title]]) => title);
  $("tabs").replaceChildren(...tabs.map(([name, [title]]) => h("a", {
    href: hashOf({ view: name, article: "" }), "aria-current": name === state.view ? "page" : null,
  }, title)));
  $("main").replaceChildren(...[VIEWS[state.view][1]()].flat(3).filter(Boolean));
  document.title = `${DATA.name}: ${VIEWS[state.view][0] || state.article}`;
  if (focus && $(focus)) {
    $(focus).focus({ preventScroll: true });
    if (from !== undefined && from !== null && $(focus).setSelectionRange) $(focus).setSelectionRange(from, from);
  }
}

addEventListener("hashchange", () => {
  const before = state.view + state.article;
  readHash();
  render();
  if (state.view + state.article === before) return;
  scrollTo(0, 0);
  $("main").focus({ preventScroll: true });
});
document.querySelector(".skip").addEventListener("click", (e) => { e.preventDefault(); $("main").focus(); });
addEventListener("keydown", (e) => { if (e.key === "Escape" && state.cell && state.view === "matrix") close(); });
readHash();
header();
render();
