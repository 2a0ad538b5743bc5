// What all parts of a report use: elements, text made harmless, numbers and times, data blocks.
// Nothing here ever parses markup: all text of the data enters the page as text nodes.

/** Characters that command instead of showing: controls, bidirectional and invisible ones, lone surrogates. */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\ud800-\udfff]/gu;

/** Text with what commands written out. Line feeds and tabs may stay where `lines` says so. */
function harmless(text, lines = false) {
  return String(text).replace(UNSAFE, (c) => {
    if (lines && (c === "\n" || c === "\t")) return c;
    const known = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[c];
    return known ?? `\\u{${c.codePointAt(0).toString(16)}}`;
  });
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else node.setAttribute(name, value === true ? "" : harmless(value));
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : harmless(child));
  }
  return node;
}

/** An HTML element. Strings among the children become text. */
const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

/** An SVG element. */
const svg = (name, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

const byId = (id) => document.getElementById(id);

/** The data blocks of a kind, unread. */
const blocks = (kind) => [...document.querySelectorAll(`script[data-kind="${kind}"]`)];

/** The content of the only block of a kind. */
const block = (kind) => JSON.parse(blocks(kind)[0]?.textContent ?? "null");

const LEVELS = ["informational", "low", "medium", "high", "critical"];

const thousands = (n) => Math.round(n).toLocaleString("en-US");
const counted = (n, word) => `${thousands(n)} ${word}${n === 1 ? "" : "s"}`;

/** A number as short as it can be read. */
function short(n) {
  if (n === null || n === undefined || !Number.isFinite(n)) return "–";
  const size = Math.abs(n);
  if (size >= 1e6) return n.toExponential(2);
  if (size >= 1000) return thousands(n);
  if (Number.isInteger(n)) return String(n);
  return size >= 100 ? n.toFixed(0) : size >= 10 ? n.toFixed(1) : size >= 0.01 ? n.toFixed(2) : n.toPrecision(2);
}

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) [n, at] = [n / 1024, at + 1];
  return `${at ? n.toFixed(1) : n} ${units[at]}`;
}

/** Milliseconds since 1970 as UTC: `2020-10-22 01:54:25.123`. */
function moment(ms, digits = 23) {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return "–";
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "").slice(0, digits);
}

/** Calls once the present burst of events is over. */
function soon(run) {
  let asked = 0;
  return () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(run);
  };
}

/** Says something to those who hear the page. */
function announce(text) {
  byId("live").textContent = harmless(text);
}

/** A plain table. Cells are text or nodes; columns may be numbers. */
function plainTable(caption, columns, rows) {
  const cls = (i) => (columns[i].number ? "number" : undefined);
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", {}, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          columns.map((c, i) => (c.name ? el("th", { scope: "col", class: cls(i) }, c.name) : el("td", {}))),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((row) =>
          el(
            "tr",
            {},
            row.map((cell, i) => el("td", { class: cls(i) }, cell)),
          ),
        ),
      ),
    ),
  );
}

/** A table that is made when somebody opens it. */
function foldedTable(title, make) {
  const fold = el("details", { class: "behind" }, el("summary", {}, title));
  const show = () => {
    if (fold.childElementCount === 1) fold.append(make());
  };
  fold.addEventListener("toggle", () => fold.open && show());
  fold.fillForPrint = show;
  return fold;
}

/** Names and values. */
function facts(pairs) {
  const kept = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return el(
    "dl",
    { class: "facts" },
    kept.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

/** The panel beside the page that shows one thing. */
const panel = {
  open(title, nodes, step) {
    const dialog = byId("panel");
    byId("panel-title").textContent = harmless(title);
    const body = byId("panel-body");
    body.replaceChildren(...nodes.filter(Boolean));
    body.scrollTop = 0;
    for (const [id, by] of [
      ["panel-back", -1],
      ["panel-next", 1],
    ]) {
      byId(id).hidden = !step;
      byId(id).onclick = step ? () => step(by) : null;
    }
    if (!dialog.open) dialog.showModal();
  },
  ready() {
    byId("panel-close").onclick = () => byId("panel").close();
    byId("panel").addEventListener("click", (e) => e.target === byId("panel") && byId("panel").close());
  },
};
