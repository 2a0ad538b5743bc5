// A table of any length: only the rows in sight are elements. Arrow keys move, Enter opens, heads sort.

const ROW = 30;
/** Browsers end elements somewhere beyond this height: longer tables scroll in larger steps. */
const TALLEST = 8e6;
let grids = 0;

class Grid {
  /**
   * columns: [{name, least, grow, number, worst, cell(i), order(i)}], `least` in rem, `grow` a part of what room is
   * left, `worst`: the greatest first when sorted;
   * `open(i, step)` is called with what a row stands for.
   */
  constructor(label, columns, open) {
    Object.assign(this, { columns, open, rows: [], shown: [], at: 0, sorted: -1, down: false, painted: new Map() });
    this.name = `grid${++grids}`;
    this.heads = columns.map((c, i) => this.head(c, i));
    this.body = el("div", { role: "rowgroup", class: "grid-body" });
    this.node = el(
      "div",
      { role: "grid", class: "grid", tabindex: 0, "aria-label": label, "aria-colcount": columns.length },
      el(
        "div",
        { role: "rowgroup", class: "grid-head" },
        el("div", { role: "row", class: "grid-row", "aria-rowindex": 1 }, this.heads),
      ),
      this.body,
    );
    const widths = columns.map((c) => (c.grow ? `minmax(${c.least}rem, ${c.grow}fr)` : `${c.least}rem`));
    this.node.style.setProperty("--columns", widths.join(" "));
    this.node.style.setProperty("--least", `${columns.reduce((sum, c) => sum + c.least + 0.8, 0.6)}rem`);
    this.draw = soon(() => this.paint());
    this.node.addEventListener("scroll", this.draw, { passive: true });
    this.node.addEventListener("keydown", (e) => this.key(e));
    this.body.addEventListener("click", (e) => this.click(e));
    new ResizeObserver(this.draw).observe(this.node);
  }

  head(column, i) {
    const inside = column.order
      ? el("button", { type: "button", on: { click: () => this.sort(i) } }, column.name)
      : column.name;
    return el("div", { role: "columnheader", class: column.number ? "number" : undefined }, inside);
  }

  /** Shows these rows (numbers that the columns understand), in the order of the sorted column. */
  set(rows) {
    this.rows = rows;
    this.shown = this.ordered();
    this.body.replaceChildren();
    this.painted.clear();
    this.at = Math.min(this.at, Math.max(0, this.shown.length - 1));
    this.node.setAttribute("aria-rowcount", String(this.shown.length + 1));
    this.body.style.height = `${Math.min(this.shown.length * ROW, TALLEST)}px`;
    this.draw();
  }

  sort(i) {
    [this.sorted, this.down] =
      this.sorted === i ? [i, !this.down] : [i, Boolean(this.columns[i].number || this.columns[i].worst)];
    this.heads.forEach((h, n) =>
      n === i ? h.setAttribute("aria-sort", this.down ? "descending" : "ascending") : h.removeAttribute("aria-sort"),
    );
    this.at = 0;
    this.node.scrollTop = 0;
    this.set(this.rows);
    announce(`sorted by ${this.columns[i].name}, ${this.down ? "descending" : "ascending"}`);
  }

  /** Sorting is stable; what compares equal stays as it came. */
  ordered() {
    const order = this.columns[this.sorted]?.order;
    if (!order) return this.rows;
    const keys = Array.from(this.rows, order);
    const turn = this.down ? -1 : 1;
    const places = keys
      .map((_, n) => n)
      .sort((a, b) => {
        const [x, y] = [keys[a], keys[b]];
        return x === y ? 0 : x < y ? -turn : turn;
      });
    return places.map((n) => this.rows[n]);
  }

  /** How many rows fit, and the first one in sight. */
  sight() {
    const room = Math.max(1, Math.ceil((this.node.clientHeight - ROW) / ROW));
    const over = Math.max(1, this.body.offsetHeight - this.node.clientHeight + ROW);
    const most = Math.max(0, this.shown.length - room + 1);
    const whole = this.shown.length * ROW <= TALLEST;
    const first = whole ? Math.floor(this.node.scrollTop / ROW) : Math.round((this.node.scrollTop / over) * most);
    return { room, over, most, whole, first: Math.max(0, Math.min(first, most)) };
  }

  /** Rows that were in sight already stay. */
  paint() {
    const { room, first, whole } = this.sight();
    const from = Math.max(0, first - 4);
    const until = Math.min(this.shown.length, first + room + 4);
    const base = whole ? from * ROW : this.node.scrollTop - (first - from) * ROW;
    const rows = new Map();
    for (let place = from; place < until; place++) {
      const row = this.painted.get(place) ?? this.row(place);
      row.style.top = `${base + (place - from) * ROW}px`;
      row.setAttribute("aria-selected", String(place === this.at));
      rows.set(place, row);
    }
    this.painted.forEach((row, place) => rows.has(place) || row.remove());
    rows.forEach((row, place) => this.painted.has(place) || this.body.append(row));
    this.painted = rows;
    const active = this.shown.length && this.at >= from && this.at < until;
    if (active) this.node.setAttribute("aria-activedescendant", `${this.name}-${this.at}`);
    else this.node.removeAttribute("aria-activedescendant");
  }

  row(place) {
    const i = this.shown[place];
    const cells = this.columns.map((c) =>
      el("div", { role: "gridcell", class: c.number ? "number" : undefined }, c.cell(i)),
    );
    const row = el(
      "div",
      { role: "row", class: "grid-row", id: `${this.name}-${place}`, "aria-rowindex": place + 2 },
      cells,
    );
    row.dataset.place = place;
    return row;
  }

  /** Makes a row the present one and brings it into sight. */
  go(place) {
    this.at = Math.max(0, Math.min(place, this.shown.length - 1));
    const { room, first, over, most, whole } = this.sight();
    if (this.at < first || this.at > first + room - 2) {
      const to = Math.max(0, this.at < first ? this.at : this.at - room + 2);
      this.node.scrollTop = whole ? to * ROW : (to / Math.max(1, most)) * over;
    }
    this.paint();
  }

  key(e) {
    if (e.target !== this.node) return;
    const page = Math.max(1, this.sight().room - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[e.key];
    if (step !== undefined) this.go(Math.max(0, Math.min(this.at + step, this.shown.length - 1)));
    else if ((e.key === "Enter" || e.key === " ") && this.shown.length) this.show();
    else return;
    e.preventDefault();
  }

  click(e) {
    const row = e.target.closest("[data-place]");
    if (!row || e.target.closest("button")) return;
    this.go(Number(row.dataset.place));
    this.show();
  }

  /** Opens the present row; the panel can step to the others. */
  show() {
    this.open(this.shown[this.at], (by) => {
      this.go(this.at + by);
      this.show();
    });
  }

  /** Rows for paper, as an ordinary table. */
  printed(most) {
    const rows = Array.from(this.shown.slice(0, most), (i) => this.columns.map((c) => c.cell(i)));
    const rest = this.shown.length - rows.length;
    const caption =
      rest > 0
        ? `The first ${counted(rows.length, "row")} of ${thousands(this.shown.length)}`
        : counted(rows.length, "row");
    return plainTable(caption, this.columns, rows);
  }
}
