// The report of hunts: of each its hypothesis, pictures, rows with reasons and events.

/** A cell as text. */
function cellText(value, kind) {
  if (value === null || value === undefined) return "–";
  if (kind === "count") return typeof value === "number" ? thousands(value) : String(value);
  if (kind === "share" && typeof value === "number") return `${short(value * 100)}%`;
  if (kind === "time") return String(value).replace("T", " ").replace("Z", "");
  if (typeof value === "number") return short(value);
  return Array.isArray(value) ? value.map((v) => cellText(v)).join(kind === "series" ? " " : ", ") : String(value);
}

/** A list of numbers as a small line of bars. */
function sparkline(numbers) {
  const top = numbers.reduce((a, b) => Math.max(a, b), 1);
  const wide = 120 / Math.max(1, numbers.length);
  return svg(
    "svg",
    {
      class: "spark",
      viewBox: "0 0 120 20",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": numbers.map(short).join(" "),
    },
    numbers
      .map((n, i) =>
        n > 0
          ? svg("rect", {
              x: i * wide,
              y: 20 - (n / top) * 20,
              width: Math.max(0.8, wide - 0.4),
              height: (n / top) * 20,
              class: "s0",
            })
          : [],
      )
      .flat(),
  );
}

/** A text with its odd parts marked: the odder, the stronger. */
function markedText(value, marks) {
  const nodes = [];
  let at = 0;
  for (const [, start, length, strength] of [...marks].sort((a, b) => a[1] - b[1])) {
    if (start < at) continue;
    nodes.push(
      value.slice(at, start),
      el(
        "mark",
        { class: strength > 0.66 ? "odd3" : strength > 0.33 ? "odd2" : "odd1" },
        value.slice(start, start + length),
      ),
    );
    at = start + length;
  }
  return [...nodes, value.slice(at)].filter((n) => n !== "");
}

/** A picture with what was left out of it, and its table. */
function chartNodes(plot, open) {
  const chart = PLOTS[plot.kind](plot, open);
  const [columns, rows] = PLOT_TABLES[plot.kind](plot);
  return el(
    "figure",
    {},
    el("figcaption", {}, plot.title, plot.unit ? ` (${plot.unit})` : ""),
    chart.node,
    plot.left_out ? el("p", { class: "note" }, `${thousands(plot.left_out)} more are not drawn.`) : null,
    foldedTable("The numbers behind this picture", () => {
      const shown = plainTable(`${plot.title}: numbers`, columns, rows.slice(0, 2000));
      return rows.length > 2000
        ? el("div", {}, shown, el("p", { class: "note" }, `The first 2,000 of ${thousands(rows.length)}.`))
        : shown;
    }),
  );
}

class Hunt {
  constructor(result, number, events) {
    Object.assign(this, { result, events, id: `hunt${number}` });
    this.title = result.title || `hunt ${result.analytic}`;
  }

  node() {
    const r = this.result;
    return section(
      this.id,
      this.title,
      this.about(),
      r.refused ? el("p", { class: "warning" }, r.refused) : null,
      this.plots().map((p) =>
        chartNodes(p, (at) => (at === null || at === undefined ? undefined : () => this.reach(at))),
      ),
      r.rows.length ? this.table() : r.refused ? null : el("p", {}, "Nothing to show."),
      this.judging("What would confirm it", r.confirms),
      this.judging("What would refute it", r.refutes),
      r.notes.length ? this.judging("To know", r.notes) : null,
    );
  }

  /** The pictures of the result; of one that has none, the scores of its first rows. */
  plots() {
    const r = this.result;
    if (r.plots.length || !r.rows.some((row) => row.score !== null)) return r.plots;
    const texts = r.columns.flatMap(([, kind], c) => (kind === "text" ? [c] : [])).slice(0, 3);
    const bars = r.rows.slice(0, 25).map((row, i) => [
      texts
        .map((c) => row.cells[c])
        .filter(Boolean)
        .map((v) => cellText(v))
        .join(" · "),
      row.score,
      i,
    ]);
    return [{ kind: "bars", title: "Scores of the first rows", unit: "score", bars, left_out: 0 }];
  }

  judging(title, items) {
    return items.length
      ? el(
          "div",
          { class: "judging" },
          el("h3", {}, title),
          el(
            "ul",
            {},
            items.map((i) => el("li", {}, i)),
          ),
        )
      : null;
  }

  about() {
    const r = this.result;
    const p = r.population;
    const about = p.sample > 1 ? "about " : "";
    return [
      r.hypothesis ? el("p", { class: "hypothesis" }, el("strong", {}, "Hypothesis. "), r.hypothesis) : null,
      facts([
        ["Analytic", r.analytic],
        ["Hunt", r.id],
        ["Techniques", r.techniques.join(", ")],
        [
          "Looked at",
          `${counted(p.events, "event")}, ${about}${counted(p.values, "different value")}, ${counted(p.hosts, "host")}, ${counted(p.users, "user")}${p.lacking ? `; ${counted(p.lacking, "event")} lacked a field` : ""}`,
        ],
        ["Time", p.first && `${p.first} to ${p.last}`],
        ["Parameters", r.parameters.map(([k, v]) => `${k}=${v.replaceAll("\n", ",")}`).join("  ")],
      ]),
    ];
  }

  table() {
    const r = this.result;
    const scored = r.rows.some((row) => row.score !== null);
    const columns = [
      { name: "#", least: 3, number: true, cell: (i) => String(i + 1), order: (i) => i },
      ...(scored
        ? [
            {
              name: "Score",
              least: 5,
              number: true,
              cell: (i) => short(r.rows[i].score),
              order: (i) => r.rows[i].score ?? -Infinity,
            },
          ]
        : []),
      ...r.columns.map(([name, kind], c) => this.column(name, kind, c)),
      r.rows.some((row) => row.reasons.length)
        ? { name: "Why", least: 18, grow: 4, cell: (i) => r.rows[i].reasons.map((x) => x[2]).join("; ") }
        : null,
      r.columns.some(([name]) => name === "events")
        ? null
        : {
            name: "events",
            least: 5,
            number: true,
            cell: (i) => thousands(r.rows[i].events_total),
            order: (i) => r.rows[i].events_total,
          },
    ].filter(Boolean);
    this.grid = new Grid(`Rows of ${this.title}`, columns, (i, step) => this.open(i, step));
    this.grid.node.classList.add(r.rows.length > 12 ? "long" : "brief");
    const search = el("input", {
      type: "search",
      autocomplete: "off",
      id: `${this.id}-search`,
      on: { input: soon(() => this.pick(search.value, said)) },
    });
    const said = el("span", { role: "status" });
    this.pick("", said);
    return [
      el("div", { class: "filter" }, el("label", { for: `${this.id}-search` }, "Search rows ", search), said),
      this.grid.node,
    ];
  }

  column(name, kind, c) {
    const r = this.result;
    const value = (i) => r.rows[i].cells[c];
    const longest =
      kind === "text"
        ? r.rows.slice(0, 200).reduce((most, row) => Math.max(most, cellText(row.cells[c]).length), name.length)
        : 0;
    const sizes = {
      text: { least: Math.min(9, Math.max(4, longest * 0.55)), grow: Math.min(6, Math.max(1, longest / 12)) },
      time: { least: 12 },
      series: { least: 9 },
    };
    const number = !(kind in sizes);
    const cell = (i) => {
      const marks = r.rows[i].marks.filter((m) => m[0] === c);
      if (kind === "series" && Array.isArray(value(i))) return sparkline(value(i));
      return marks.length && typeof value(i) === "string" ? markedText(value(i), marks) : cellText(value(i), kind);
    };
    return {
      name: name.replaceAll("_", " "),
      ...(sizes[kind] ?? { least: Math.min(14, Math.max(5, name.length * 0.62)) }),
      number,
      cell,
      order: (i) => (number ? (value(i) ?? -Infinity) : cellText(value(i), kind)),
    };
  }

  pick(words, said) {
    const r = this.result;
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    this.whole ??= r.rows.map((row) =>
      [...row.cells.map((v) => cellText(v)), ...row.reasons.map((x) => x[2])].join("\n").toLowerCase(),
    );
    const rows = this.whole.flatMap((text, i) => (wanted.every((w) => text.includes(w)) ? [i] : []));
    this.grid.set(rows);
    const cut = r.rows_total > r.rows.length ? `; ${thousands(r.rows_total)} before the list was cut` : "";
    said.textContent = `${thousands(rows.length)} of ${counted(r.rows.length, "row")}${cut}`;
  }

  /** From a picture: shows a row, and makes it the present one of the table. */
  reach(at) {
    const place = this.grid.shown.indexOf(at);
    if (place < 0) return this.open(at);
    this.grid.go(place);
    this.grid.show();
  }

  open(i, step) {
    const r = this.result;
    const row = r.rows[i];
    const cells = row.cells.map((v, c) => {
      const marks = row.marks.filter((m) => m[0] === c);
      return [
        r.columns[c][0].replaceAll("_", " "),
        marks.length && typeof v === "string" ? el("code", {}, markedText(v, marks)) : cellText(v, r.columns[c][1]),
      ];
    });
    const left = row.events_total - row.events.length;
    const told = row.events.filter((e) => e[4] !== null);
    panel.open(
      `${this.title}: row ${i + 1}`,
      [
        facts([["Score", row.score === null ? null : short(row.score)], ...cells]),
        row.reasons.length
          ? plainTable(
              "Why",
              [{ name: "measured" }, { name: "part", number: true }, { name: "in words" }],
              row.reasons.map(([f, w, words]) => [f, `${Math.round(w * 100)}%`, words]),
            )
          : null,
        row.events.length
          ? plainTable(
              `Events behind it: ${thousands(row.events.length)} of ${thousands(row.events_total)}`,
              [{ name: "time" }, { name: "host" }, { name: "source" }, { name: "record", number: true }],
              row.events.map(([source, record, time, host]) => [time ?? "–", host || "–", source, String(record)]),
            )
          : null,
        left > 0 ? el("p", { class: "note" }, `${counted(left, "more event")} behind this row.`) : null,
        ...told.map((e, n) => eventNodes(this.events.get(e[4]), `Event ${n + 1}`)),
      ],
      step,
    );
  }
}
