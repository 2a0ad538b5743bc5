// The pictures of hunts: bars, time series, boxes, scatter plots, histograms. Each has its table.

/** Characters that a label of so many pixels has room for. */
const fitting = (width) => Math.floor((width - 12) / 7.2);

const PLOTS = {
  bars(plot, open) {
    const row = 22;
    const most = plot.bars.reduce((top, b) => Math.max(top, b[1] ?? 0), 0);
    return new Chart(plot.title, (width) => {
      const label = Math.min(340, width * 0.4);
      const x = new Scale(0, most, label, width - 70);
      const nodes = [];
      const marks = plot.bars.map(([name, n, at], i) => {
        const y = 6 + i * row;
        const bar = svg("rect", {
          x: label,
          y,
          width: Math.max(1, x.place(n ?? 0) - label),
          height: row - 6,
          class: "s0",
        });
        nodes.push(
          text(label - 8, y + 12, clipped(name, fitting(label)), { class: "tick", "text-anchor": "end" }),
          bar,
          text(x.place(n ?? 0) + 6, y + 12, short(n), { class: "tick" }),
        );
        return {
          x: width / 2,
          y: y + 8,
          wide: width,
          tall: row - 6,
          node: bar,
          lines: [name, `${short(n)} ${plot.unit}`],
          open: open(at),
        };
      });
      return { height: plot.bars.length * row + 10, nodes, marks };
    });
  },

  timeline(plot, open) {
    const row = 44;
    const many = plot.series.reduce((top, s) => Math.max(top, s[1].length), 1);
    const [low, high] = [plot.start, plot.start + plot.bucket * many];
    return new Chart(plot.title, (width) => {
      const label = Math.min(300, width * 0.35);
      const x = new Scale(low, high, label, width - MARGIN.right);
      const height = plot.series.length * row + 40;
      const { ticks, say } = timeTicks(low, high, (width - label) / 110);
      const nodes = acrossAxis(x, height - MARGIN.bottom, 4, "", ticks, say);
      const marks = [];
      plot.series.forEach(([name, counts, at], i) => {
        const y = new Scale(0, Math.max(1, ...counts), 4 + (i + 1) * row - 6, 4 + i * row + 4);
        nodes.push(
          text(label - 8, y.from - 10, clipped(name, fitting(label)), { class: "tick", "text-anchor": "end" }),
        );
        const wide = Math.max(1, x.place(low + plot.bucket) - x.place(low) - 1);
        counts.forEach((n, b) => {
          if (!n) return;
          const from = low + b * plot.bucket;
          const bar = svg("rect", {
            x: x.place(from),
            y: y.place(n),
            width: wide,
            height: y.from - y.place(n),
            class: `s${i % SERIES}`,
          });
          nodes.push(bar);
          marks.push({
            x: x.place(from) + wide / 2,
            y: (y.from + y.to) / 2,
            wide,
            tall: row,
            node: bar,
            open: open(at),
            lines: [name, `${moment(from, 19)}: ${short(n)}`],
          });
        });
      });
      return { height, nodes, marks };
    });
  },

  boxes(plot, open) {
    const row = 26;
    const numbers = plot.groups.flatMap((g) => [...g.five, ...g.outliers.map((o) => o[0])]);
    return new Chart(plot.title, (width) => {
      const label = Math.min(300, width * 0.35);
      const x = new Scale(...span(numbers, plot.axis.log), label, width - MARGIN.right, plot.axis.log);
      const height = plot.groups.length * row + 46;
      const nodes = acrossAxis(x, height - 38, 4, plot.axis.name + (plot.axis.log ? " (logarithmic)" : ""));
      const marks = [];
      plot.groups.forEach((g, i) => boxRow(g, 4 + i * row + row / 2, x, label, open, nodes, marks));
      return { height, nodes, marks };
    });
  },

  scatter(plot, open) {
    const groups = [...new Set(plot.points.map((p) => p[3]))].sort((a, b) => a - b);
    const one = groups.length < 2;
    // Without clusters, what stands in the table has a colour of its own.
    const cls = (group, told) => (one ? (told ? "s4" : "s0") : group < 0 ? "s8" : `s${group % SERIES}`);
    const chart = new Chart(plot.title, (width) => {
      const height = 420;
      const on = (i) => [...plot.points.map((p) => p[i]), ...plot.lines.flatMap((l) => l[1].map((p) => p[i]))];
      const x = new Scale(...span(on(0), plot.x.log), MARGIN.left, width - MARGIN.right, plot.x.log);
      const y = new Scale(
        ...span(
          plot.points.map((p) => p[1]),
          plot.y.log,
        ),
        height - 44,
        MARGIN.top,
        plot.y.log,
      );
      const named = (axis) => axis.name + (axis.log ? " (logarithmic)" : "");
      const nodes = [
        acrossAxis(x, y.from, MARGIN.top, named(plot.x)),
        upAxis(y, MARGIN.left, width - MARGIN.right, named(plot.y)),
      ].flat();
      for (const [name, points] of plot.lines) {
        const inside = points.filter((p) => y.place(p[1]) <= y.from && y.place(p[1]) >= y.to);
        nodes.push(
          svg(
            "polyline",
            { class: "fit", points: inside.map((p) => `${x.place(p[0])},${y.place(p[1])}`).join(" ") },
            svg("title", {}, name),
          ),
        );
      }
      const heaviest = plot.points.reduce((top, p) => Math.max(top, p[4]), 1);
      const marks = plot.points.map(([px, py, name, group, weight, at]) => {
        const r = 3 + 5 * Math.sqrt(weight / heaviest);
        const node = svg("circle", {
          cx: x.place(px),
          cy: y.place(py),
          r,
          class: `${cls(group, at !== null)} point${at === null ? "" : " told"}`,
        });
        const lines = [name, `${plot.x.name}: ${short(px)}`, `${plot.y.name}: ${short(py)}`];
        if (group >= 0 && groups.length > 1) lines.push(`cluster ${group}`);
        if (weight > 1) lines.push(`${thousands(weight)} there`);
        return { x: x.place(px), y: y.place(py), node, lines, open: open(at) };
      });
      // What stands in the table lies on top.
      nodes.push(
        marks.filter((m) => !m.open).map((m) => m.node),
        marks.filter((m) => m.open).map((m) => m.node),
      );
      return { height, nodes: nodes.flat(), marks };
    });
    const many = groups.length > 1 && groups.length <= SERIES + 1;
    if (many)
      chart.node.prepend(
        legend(
          groups.map((g) => (g < 0 ? "in no cluster" : `cluster ${g}`)),
          (i) => cls(groups[i]),
        ),
      );
    return chart;
  },

  histogram(plot) {
    return new Chart(plot.title, (width) => {
      const height = 220;
      const { axis, bounds, counts, threshold } = plot;
      const [low, high] = [bounds[0], bounds[bounds.length - 1]];
      const x = new Scale(low, Math.max(high, threshold ?? high), MARGIN.left, width - MARGIN.right, axis.log);
      const y = new Scale(0, Math.max(1, ...counts), height - 44, MARGIN.top);
      const nodes = [
        acrossAxis(x, y.from, MARGIN.top, axis.name),
        upAxis(y, MARGIN.left, width - MARGIN.right, plot.counted ?? "things"),
      ].flat();
      const marks = counts.map((n, i) => {
        const [from, to] = [x.place(bounds[i]), x.place(bounds[i + 1])];
        const beyond = threshold !== null && bounds[i] >= threshold;
        const node = svg("rect", {
          x: from,
          y: y.place(n),
          width: Math.max(1, to - from - 1),
          height: y.from - y.place(n),
          class: beyond ? "s4" : "s0",
        });
        nodes.push(node);
        return {
          x: (from + to) / 2,
          y: (y.from + y.to) / 2,
          wide: to - from,
          tall: height,
          node,
          lines: [`${short(bounds[i])} to ${short(bounds[i + 1])}`, thousands(n)],
        };
      });
      if (threshold !== null)
        nodes.push(
          line(x.place(threshold), MARGIN.top, x.place(threshold), y.from, "cut"),
          text(x.place(threshold) + 5, MARGIN.top + 12, `cut: ${short(threshold)}`, { class: "tick" }),
        );
      return { height, nodes, marks };
    });
  },
};

/** One box: whiskers, quartiles, median, outliers. */
function boxRow(g, y, x, label, open, nodes, marks) {
  const [low, q1, middle, q3, high] = g.five.map((n) => x.place(n));
  const box = svg("rect", { x: q1, y: y - 8, width: Math.max(1, q3 - q1), height: 16, class: "box" });
  nodes.push(
    text(label - 8, y + 4, clipped(g.name, fitting(label)), { class: "tick", "text-anchor": "end" }),
    line(low, y, high, y, "whisker"),
    line(low, y - 5, low, y + 5, "whisker"),
    line(high, y - 5, high, y + 5, "whisker"),
    box,
    line(middle, y - 8, middle, y + 8, "median"),
  );
  const [a, b, c, d, e] = g.five.map(short);
  marks.push({
    x: (q1 + q3) / 2,
    y,
    wide: q3 - q1,
    tall: 16,
    node: box,
    lines: [g.name, counted(g.count, "thing"), `median ${c}, quartiles ${b} and ${d}`, `whiskers ${a} and ${e}`],
  });
  for (const [n, name, at] of g.outliers) {
    const node = svg("circle", { cx: x.place(n), cy: y, r: 4, class: "s4 point" });
    nodes.push(node);
    marks.push({ x: x.place(n), y, node, lines: [name, `${short(n)} in ${g.name}`], open: open(at) });
  }
}

/** The numbers of a picture. */
const PLOT_TABLES = {
  bars: (p) => [[{ name: "what" }, { name: p.unit, number: true }], p.bars.map(([name, n]) => [name, short(n)])],
  timeline: (p) => [
    [{ name: "what" }, { name: "from" }, { name: "count", number: true }],
    p.series.flatMap(([name, counts]) =>
      counts.flatMap((n, b) => (n ? [[name, moment(p.start + b * p.bucket, 19), short(n)]] : [])),
    ),
  ],
  boxes: (p) => [
    ["group", "things", "lower whisker", "first quartile", "median", "third quartile", "upper whisker", "outliers"].map(
      (name, i) => ({ name, number: i > 0 }),
    ),
    p.groups.map((g) => [g.name, thousands(g.count), ...g.five.map(short), thousands(g.outliers.length)]),
  ],
  scatter: (p) => [
    [
      { name: "what" },
      { name: p.x.name, number: true },
      { name: p.y.name, number: true },
      { name: "cluster", number: true },
    ],
    p.points.map(([x, y, name, group]) => [name, short(x), short(y), group < 0 ? "–" : String(group)]),
  ],
  histogram: (p) => [
    [
      { name: `${p.axis.name} from`, number: true },
      { name: "to", number: true },
      { name: "count", number: true },
    ],
    p.counts.map((n, i) => [short(p.bounds[i]), short(p.bounds[i + 1]), thousands(n)]),
  ],
};
