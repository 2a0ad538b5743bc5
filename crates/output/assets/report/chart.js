// Pictures as SVG: axes, marks that can be pointed at and walked through with the arrow keys, a brush over time.

const MARGIN = { left: 64, right: 16, top: 10, bottom: 34 };
const SERIES = 8;

/** From numbers to places, and round numbers between. `log`: of value + 1. */
class Scale {
  constructor(low, high, from, to, log = false) {
    Object.assign(this, { from, to, log });
    this.low = this.on(low);
    this.high = this.on(high);
    if (!(this.high > this.low)) this.high = this.low + 1;
  }
  on(n) {
    return this.log ? Math.log1p(Math.max(0, n)) : n;
  }
  place(n) {
    return this.from + ((this.on(n) - this.low) / (this.high - this.low)) * (this.to - this.from);
  }
  value(place) {
    const n = this.low + ((place - this.from) / (this.to - this.from)) * (this.high - this.low);
    return this.log ? Math.expm1(n) : n;
  }
  ticks(most = 6) {
    if (this.log) return this.powers();
    const rough = (this.high - this.low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough) ?? power;
    const out = [];
    for (let n = Math.ceil(this.low / step) * step; n <= this.high + step * 1e-9 && out.length < 50; n += step)
      out.push(Number(n.toPrecision(12)));
    return out;
  }
  powers() {
    const [low, high] = [Math.expm1(this.low), Math.expm1(this.high)];
    const out = low <= 0 ? [0] : [];
    for (let n = 1; n <= high && out.length < 40; n *= 10) if (n >= low) out.push(n);
    return out.length > 1 ? out : [low, high];
  }
}

/** A span around numbers, a little wider than they are. */
function span(numbers, log) {
  let [low, high] = [Infinity, -Infinity];
  for (const n of numbers) if (Number.isFinite(n)) [low, high] = [Math.min(low, n), Math.max(high, n)];
  if (low > high) return [0, 1];
  const pad = (high - low || Math.abs(high) || 1) * 0.04;
  return log ? [Math.max(0, low * 0.9), high * 1.1] : [low - pad, high + pad];
}

const TIP = {
  show(lines, x, y) {
    const tip = byId("tip");
    tip.replaceChildren(...lines.map((l) => el("div", {}, l)));
    tip.hidden = false;
    const [w, h] = [tip.offsetWidth, tip.offsetHeight];
    tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - w - 8))}px`;
    tip.style.top = `${y + 18 + h > innerHeight ? Math.max(4, y - h - 12) : y + 18}px`;
  },
  hide() {
    byId("tip").hidden = true;
  },
};

/**
 * A frame that draws itself anew when its width changes. `draw(width)` answers {height, nodes, marks}; a mark is
 * {x, y, lines, open, node}: where it stands, what is said of it, what happens on a click or Enter.
 */
class Chart {
  constructor(label, draw) {
    Object.assign(this, { label, draw, marks: [], at: -1, width: 0 });
    this.svg = svg("svg", {
      tabindex: 0,
      role: "group",
      "aria-roledescription": "chart",
      "aria-label": `${label}. Arrow keys move through it.`,
    });
    this.node = el("div", { class: "chart" }, this.svg);
    this.svg.addEventListener("pointermove", (e) => this.hover(e));
    this.svg.addEventListener("pointerleave", () => this.leave());
    this.svg.addEventListener("blur", () => this.leave());
    this.svg.addEventListener("click", () => this.marks[this.at]?.open?.());
    this.svg.addEventListener("keydown", (e) => this.key(e));
    new ResizeObserver(soon(() => this.node.clientWidth !== this.width && this.redraw())).observe(this.node);
  }

  redraw() {
    this.width = this.node.clientWidth;
    if (!this.width) return;
    const { height, nodes, marks } = this.draw(this.width);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    this.svg.setAttribute("height", height);
    this.svg.replaceChildren(...nodes.flat());
    this.marks = marks ?? [];
    this.at = Math.min(this.at, this.marks.length - 1);
  }

  nearest(x, y) {
    let [best, at] = [1600, -1];
    this.marks.forEach((m, i) => {
      const dx = m.wide ? Math.max(0, Math.abs(m.x - x) - m.wide / 2) : m.x - x;
      const dy = m.tall ? Math.max(0, Math.abs(m.y - y) - m.tall / 2) : m.y - y;
      if (dx * dx + dy * dy < best) [best, at] = [dx * dx + dy * dy, i];
    });
    return at;
  }

  hover(e) {
    const box = this.svg.getBoundingClientRect();
    this.point(this.nearest(e.clientX - box.left, e.clientY - box.top), e.clientX, e.clientY);
  }

  point(at, x, y) {
    if (at !== this.at) this.marks[this.at]?.node?.classList.remove("lit");
    this.at = at;
    const mark = this.marks[at];
    this.svg.classList.toggle("opens", Boolean(mark?.open));
    if (!mark) return TIP.hide();
    mark.node?.classList.add("lit");
    TIP.show(mark.lines, x, y);
  }

  leave() {
    this.marks[this.at]?.node?.classList.remove("lit");
    TIP.hide();
  }

  key(e) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[e.key];
    if (step !== undefined && this.marks.length) {
      const at = Math.max(0, Math.min((this.at < 0 && step === 1 ? -1 : this.at) + step, this.marks.length - 1));
      const box = this.svg.getBoundingClientRect();
      this.point(at, box.left + this.marks[at].x, box.top + this.marks[at].y);
      announce(this.marks[at].lines.join(", "));
    } else if (e.key === "Enter" || e.key === " ") this.marks[this.at]?.open?.();
    else if (e.key === "Escape") this.leave();
    else return;
    e.preventDefault();
  }
}

const text = (x, y, said, attributes) => svg("text", { x, y, ...attributes }, said);
const line = (x1, y1, x2, y2, cls) => svg("line", { x1, y1, x2, y2, class: cls });

/** Clips text to so many characters. */
const clipped = (said, most) => (said.length > most ? `${said.slice(0, most - 1)}…` : said);

function acrossAxis(scale, y, top, name, ticks = scale.ticks(), say = short) {
  return [
    ...ticks.map((t) => line(scale.place(t), top, scale.place(t), y, "gridline")),
    // The last one must not reach beyond the picture.
    ...ticks.map((t) =>
      text(scale.place(t), y + 15, say(t), {
        class: "tick",
        "text-anchor": scale.place(t) > scale.to - 20 ? "end" : "middle",
      }),
    ),
    line(scale.from, y, scale.to, y, "axis"),
    name ? text((scale.from + scale.to) / 2, y + 30, name, { class: "axis-name", "text-anchor": "middle" }) : [],
  ].flat();
}

function upAxis(scale, x, right, name, say = short) {
  const ticks = scale.ticks(5);
  const middle = (scale.from + scale.to) / 2;
  return [
    ...ticks.map((t) => line(x, scale.place(t), right, scale.place(t), "gridline")),
    ...ticks.map((t) => text(x - 6, scale.place(t) + 4, say(t), { class: "tick", "text-anchor": "end" })),
    name
      ? text(12, middle, name, { class: "axis-name", "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` })
      : [],
  ].flat();
}

/** Round points in time between two, and how they are said. */
function timeTicks(low, high, most) {
  const units = [1, 5, 15, 60, 300, 900, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 7776000, 31536000];
  const step = (units.find((u) => (high - low) / 1000 / u <= most) ?? Math.ceil((high - low) / 1000 / most)) * 1000;
  const ticks = [];
  for (let t = Math.ceil(low / step) * step; t <= high && ticks.length < 40; t += step) ticks.push(t);
  const digits = step >= 86400e3 ? [0, 10] : high - low > 86400e3 ? [5, 16] : step >= 60e3 ? [11, 16] : [11, 19];
  return { ticks, say: (t) => moment(t).slice(...digits) };
}

/** Names of series with their colours. */
function legend(names, cls = (i) => `s${i}`) {
  return el(
    "ul",
    { class: "legend" },
    names.map((n, i) =>
      el(
        "li",
        {},
        svg(
          "svg",
          { width: 12, height: 12, "aria-hidden": "true" },
          svg("rect", { width: 12, height: 12, rx: 2, class: cls(i) }),
        ),
        " ",
        n,
      ),
    ),
  );
}

/**
 * Counts over time, stacked. data(): {low, high, step, names, cls(i), counts: [series][bucket]};
 * brushed(from, to) is called with a span, or with nothing once it is lifted.
 */
class Timeline extends Chart {
  constructor(label, data, brushed) {
    super(label, (width) => this.bars(width));
    Object.assign(this, { data, brushed, chosen: null });
    this.svg.setAttribute(
      "aria-label",
      `${label}. Arrow keys move, with Shift they select a span, Escape lifts it. The filter has fields for the same.`,
    );
    this.svg.addEventListener("pointerdown", (e) => this.down(e));
    this.svg.addEventListener("pointermove", (e) => this.drag(e));
    this.svg.addEventListener("pointerup", (e) => this.up(e));
  }

  bars(width) {
    const data = this.data();
    const { low, high, step, cls, counts } = data;
    const height = 210;
    const many = counts[0]?.length ?? 0;
    const sums = Array.from({ length: many }, (_, b) => counts.reduce((sum, c) => sum + c[b], 0));
    this.x = new Scale(low, high, MARGIN.left, width - MARGIN.right);
    const y = new Scale(
      0,
      sums.reduce((a, b) => Math.max(a, b), 1),
      height - MARGIN.bottom,
      MARGIN.top,
    );
    const { ticks, say } = timeTicks(low, high, width / 110);
    const wide = Math.max(1, this.x.place(low + step) - this.x.place(low) - 1);
    const nodes = [
      acrossAxis(this.x, y.from, MARGIN.top, "", ticks, say),
      upAxis(y, MARGIN.left, width - MARGIN.right, "findings"),
    ].flat();
    const marks = [];
    for (let b = 0; b < many; b++) {
      let base = 0;
      const x = this.x.place(low + b * step);
      counts.forEach((c, s) => {
        if (!c[b]) return;
        const [from, to] = [y.place(base), y.place(base + c[b])];
        nodes.push(svg("rect", { x, y: to, width: wide, height: Math.max(0.5, from - to), class: cls(s) }));
        base += c[b];
      });
      // Nothing is to be said of a time without findings.
      if (sums[b]) marks.push(this.mark(data, b, x + wide / 2, wide, y, sums[b]));
    }
    this.veil = svg("rect", { class: "brush", y: MARGIN.top, height: y.from - MARGIN.top, width: 0 });
    nodes.push(this.veil);
    this.cover();
    return { height, nodes, marks };
  }

  mark({ low, step, names, counts }, b, x, wide, y, sum) {
    const from = low + b * step;
    const parts = counts
      .map((c, s) => [names[s], c[b]])
      .filter(([, n]) => n)
      .map(([name, n]) => `${name}: ${thousands(n)}`);
    const digits = step < 2000 ? 23 : 19;
    const lines = [`${moment(from, digits)} to ${moment(from + step, digits)}`, counted(sum, "finding"), ...parts];
    return { x, y: (y.from + MARGIN.top) / 2, wide: wide + 1, tall: y.from - MARGIN.top, lines, from, to: from + step };
  }

  /** Draws the veil over what is chosen. */
  cover() {
    const [from, to] = this.chosen ?? [0, 0];
    const x = Math.max(MARGIN.left, this.x.place(from));
    this.veil.setAttribute("x", this.chosen ? x : 0);
    this.veil.setAttribute("width", this.chosen ? Math.max(1, Math.min(this.x.to, this.x.place(to)) - x) : 0);
  }

  choose(from, to) {
    this.chosen = from === undefined ? null : [from, to];
    if (this.veil) this.cover();
  }

  at_(e) {
    const x = e.clientX - this.svg.getBoundingClientRect().left;
    return this.x.value(Math.max(this.x.from, Math.min(x, this.x.to)));
  }

  down(e) {
    if (e.button !== 0) return;
    this.begin = [this.at_(e), e.clientX];
    this.svg.setPointerCapture(e.pointerId);
  }

  drag(e) {
    if (!this.begin || Math.abs(e.clientX - this.begin[1]) < 4) return;
    const now = this.at_(e);
    this.choose(Math.min(now, this.begin[0]), Math.max(now, this.begin[0]));
  }

  up(e) {
    if (!this.begin) return;
    const moved = Math.abs(e.clientX - this.begin[1]) >= 4;
    const mark = this.marks[this.at];
    this.begin = null;
    if (moved) this.brushed(...this.chosen);
    else if (this.chosen) this.brushed();
    else if (mark) this.brushed(mark.from, mark.to);
  }

  key(e) {
    const before = this.marks[this.at];
    if (e.key === "Escape") this.brushed();
    super.key(e);
    const now = this.marks[this.at];
    if (!now || !["ArrowLeft", "ArrowRight", "Home", "End", "Enter", " "].includes(e.key)) return;
    if (e.key === "Enter" || e.key === " ") return this.brushed(now.from, now.to);
    if (!e.shiftKey) return (this.anchor = now);
    this.anchor ??= before ?? now;
    this.brushed(Math.min(this.anchor.from, now.from), Math.max(this.anchor.to, now.to));
  }
}

/**
 * Names with bars, as a table: rows are [name, count, class of the bar, more cells…]; `pick(row place)` is called when
 * a name is pressed.
 */
function barTable(caption, columns, rows, pick, picked = () => false) {
  const most = rows.reduce((top, r) => Math.max(top, r.count), 1);
  const bar = (r) =>
    svg(
      "svg",
      { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { width: Math.max(0.6, (r.count / most) * 100), height: 10, class: r.cls ?? "s0" }),
    );
  const name = (r, i) =>
    pick
      ? el(
          "button",
          { type: "button", class: "pick", "aria-pressed": String(picked(i)), on: { click: () => pick(i) } },
          r.name,
        )
      : r.name;
  return plainTable(
    caption,
    [
      { name: columns[0] },
      { name: "count", number: true },
      { name: "" },
      ...columns.slice(1).map((c) => ({ name: c })),
    ],
    rows.map((r, i) => [name(r, i), thousands(r.count), bar(r), ...(r.more ?? [])]),
  );
}
