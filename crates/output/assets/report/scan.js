// The report of a scan: totals, severity, time, rules, hosts, tactics, process trees, baseline, findings.

const BUCKETS = 120;
const BARS = 12;

const rankClass = (level) => `level-${level}`;

function section(id, title, ...nodes) {
  const kept = nodes.flat().filter(Boolean);
  if (!kept.length) return null;
  byId("parts").append(el("li", {}, el("a", { href: `#${id}` }, title)));
  return el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), kept);
}

/** What was read and what was not, which rules ran. */
function totalsNodes(info) {
  const t = info.totals;
  const rules = t.rules;
  const unread = Object.entries(t.unreadable).filter(([, n]) => n);
  const list = (title, items) =>
    items.length
      ? foldedTable(`${title} (${thousands(items.length)})`, () =>
          plainTable(
            title,
            Object.keys(items[0]).map((name) => ({ name })),
            items.map((i) => Object.values(i).map((v) => v ?? "–")),
          ),
        )
      : null;
  const found = Object.values(t.findings).reduce((a, b) => a + b, 0);
  return [
    el(
      "div",
      { class: "tiles" },
      [
        ...(info.listed === undefined ? [] : [[thousands(found), "findings"]]),
        [thousands(t.events), "events read"],
        [thousands(t.sources), `files, ${bytes(t.bytes)}`],
        [thousands(unread.reduce((sum, [, n]) => sum + n, 0)), "unreadable parts"],
        ...(rules.ok + rules.partial + rules.rejected
          ? [
              [thousands(rules.ok + rules.partial), "rules loaded"],
              [thousands(rules.partial), "of them partial"],
              [thousands(rules.rejected), "rules rejected"],
            ]
          : []),
      ].map(([n, what]) => el("div", { class: "tile" }, el("strong", {}, n), " ", el("span", {}, what))),
    ),
    facts([
      ["Events from", t.first && `${t.first} to ${t.last}`],
      ["Read", info.inputs.join(", ")],
      ["Not read", unread.map(([kind, n]) => `${thousands(n)} ${kind}`).join(", ")],
      ["Outside the time asked for", t.outside_time ? counted(t.outside_time, "event") : null],
      ["Compared with", info.baseline],
      ["Limits reached", t.limits.join("; ")],
      ["Made by", `Shikra ${info.version}`],
    ]),
    t.cancelled ? el("p", { class: "warning" }, "Stopped on request: the rest of the input was not read.") : null,
    list("What could not be read", t.troubles),
    list("Rules that cannot run", t.not_run),
    list("Rules unable to fire on this data", rules.unable_to_fire),
  ];
}

/** Counts of rules put together by what `of` says of a rule: [key, count], most frequent first. */
function together(rules, byRule, of) {
  const sums = new Map();
  rules.forEach((r, i) => byRule[i] && of(r).forEach((key) => sums.set(key, (sums.get(key) ?? 0) + byRule[i])));
  return [...sums].sort((a, b) => b[1] - a[1]);
}

/** Places with a count, most frequent first. */
const ranked = (counts) => [...counts.keys()].filter((i) => counts[i]).sort((a, b) => counts[b] - counts[a] || a - b);

class Scan {
  constructor(info) {
    this.info = info;
    this.all = Findings.read(info.listed);
    this.events = new Events();
    this.choice = new Choice(this.all);
    this.by = "level";
  }

  nodes() {
    const { all, info } = this;
    this.summary = section("summary", "Summary", totalsNodes(info), this.leftOut());
    if (!all.length) return [this.summary, el("p", {}, "No rule found anything in what was read.")];
    const parts = [
      this.summary,
      section("time", "Findings over time", this.timeNodes()),
      section("what", "What was found", this.countNodes()),
      section(
        "trees",
        "Process trees",
        treeSection(all, info.processes_full, (process, rule) => this.ofProcess(process, rule)),
      ),
      info.baseline ? section("baseline", "Compared with the baseline", this.baselineNodes()) : null,
      section("findings", "Findings", this.tableNodes()),
    ];
    this.choice.heard.push(() => this.redraw());
    this.redraw();
    return parts;
  }

  leftOut() {
    const { info } = this;
    return [
      info.unlisted
        ? el(
            "p",
            { class: "warning" },
            `${counted(info.unlisted, "finding")} beyond the first ${thousands(info.listed)} are counted but not listed.`,
          )
        : null,
      info.events_left_out
        ? el(
            "p",
            { class: "note" },
            `The file holds the events of the first findings of each rule; ${counted(info.events_left_out, "event")} of later ones are left out, with their source and record number kept.`,
          )
        : null,
    ];
  }

  /** Everything that shows what is chosen. */
  redraw() {
    this.timeline.redraw();
    this.counts();
    this.grid.set(this.choice.rows);
    this.filter.say();
  }

  timeNodes() {
    this.span = [Infinity, -Infinity];
    for (const t of this.all.time)
      if (!Number.isNaN(t)) this.span = [Math.min(this.span[0], t), Math.max(this.span[1], t)];
    if (this.span[0] > this.span[1]) this.span = [0, 1];
    this.timeline = new Timeline(
      "Findings over time",
      () => this.buckets(),
      (from, to) => this.during(from, to),
    );
    this.legend = el("div", {});
    const choose = el(
      "fieldset",
      { class: "choose" },
      el("legend", {}, "Divided by"),
      [
        ["level", "severity"],
        ["tactic", "tactic"],
        ["host", "host"],
      ].map(([by, name]) =>
        el(
          "label",
          {},
          el("input", {
            type: "radio",
            name: "by",
            value: by,
            checked: by === this.by,
            on: { change: () => this.divide(by) },
          }),
          name,
        ),
      ),
    );
    const table = foldedTable("The numbers behind this picture", () => this.timeTable());
    this.timeFold = table;
    return [
      choose,
      el("p", { class: "note" }, "Times are UTC. Drag over the picture, or press a bar, to choose a span of time."),
      this.timeline.node,
      this.legend,
      table,
    ];
  }

  divide(by) {
    this.by = by;
    this.timeline.redraw();
    this.refold();
  }

  refold() {
    if (this.timeFold.childElementCount > 1) this.timeFold.lastChild.replaceWith(this.timeTable());
  }

  during(from = -Infinity, to = Infinity) {
    this.choice.from = from;
    this.choice.to = to;
    this.timeline.choose(from === -Infinity ? undefined : from, to);
    this.filter.times(from, to);
    this.choice.changed();
    announce(`${counted(this.choice.rows.length, "finding")} chosen`);
  }

  /** Names of the series, and which of them each rule or host belongs to: the levels, or the most frequent tactics or hosts and all others. */
  series(rows) {
    const { all, by } = this;
    if (by === "level") {
      const there = new Set(together(all.rules, all.byRule(rows), (r) => [r.level]).map(([l]) => l));
      const names = LEVELS.filter((l) => there.has(l));
      return { names, of: all.rules.map((r) => [names.indexOf(r.level)]), column: all.rule };
    }
    const hosts = by === "host";
    const keys = hosts ? ranked(all.byHost(rows)) : together(all.rules, all.byRule(rows), tacticsOf).map(([t]) => t);
    const names = keys.slice(0, SERIES).map((k) => (hosts ? all.hosts[k] || "(no host)" : k));
    if (keys.length > SERIES) names.push(`${keys.length - SERIES} others`);
    const places = new Map(keys.map((k, i) => [k, Math.min(i, SERIES)]));
    const of = hosts
      ? all.hosts.map((_, h) => [places.get(h)])
      : all.rules.map((r) => tacticsOf(r).map((t) => places.get(t)));
    return { names, of, column: hosts ? all.host : all.rule };
  }

  /** Counts by bucket of time for each series. */
  buckets() {
    const { all, by } = this;
    const rows = this.choice.matching("time");
    const [low, last] = this.span;
    const step = Math.max(1, Math.ceil((last - low + 1) / BUCKETS));
    const many = Math.floor((last - low) / step) + 1;
    const { names, of, column } = this.series(rows);
    const counts = names.map(() => new Array(many).fill(0));
    for (let n = 0; n < rows.length; n++) {
      const b = Math.floor((all.time[rows[n]] - low) / step);
      if (b >= 0) for (const s of of[column[rows[n]]]) counts[s][b]++;
    }
    const cls = by === "level" ? (s) => rankClass(names[s]) : (s) => `s${s}`;
    this.legend.replaceChildren(legend(names, cls));
    this.cut = { low, high: low + many * step, step, names, cls, counts };
    return this.cut;
  }

  timeTable() {
    const { low, step, names, counts } = this.cut;
    const rows = counts[0]?.map((_, b) => [moment(low + b * step, 19), ...counts.map((c) => thousands(c[b]))]) ?? [];
    return plainTable(
      `Findings by ${this.by === "level" ? "severity" : this.by} from each of these times`,
      [{ name: "from" }, ...names.map((name) => ({ name, number: true }))],
      rows.filter((r) => r.slice(1).some((n) => n !== "0")),
    );
  }

  countNodes() {
    this.places = Object.fromEntries(["levels", "rules", "hosts", "tactics"].map((k) => [k, el("div", {})]));
    return el("div", { class: "columns" }, Object.values(this.places));
  }

  /** The bars of severity, rules, hosts, tactics: each shows what the others leave. */
  counts() {
    const { all, choice, places } = this;
    const toggle = (part, value) => choice.set(part, choice[part] === value ? null : value);
    const levels = new Map(together(all.rules, all.byRule(choice.matching("levels")), (r) => [r.rank]));
    const put = (place, title, columns, rows, keys, pick, picked) => {
      const had = place.contains(document.activeElement)
        ? [...place.querySelectorAll("button")].indexOf(document.activeElement)
        : -1;
      const hidden = keys.length - BARS;
      const open = place.querySelector("details")?.open;
      const bars = (many) =>
        barTable(
          title,
          columns,
          rows.slice(0, many),
          (i) => pick(keys[i]),
          (i) => picked(keys[i]),
        );
      const rest = hidden > 0 ? foldedTable(`All ${thousands(keys.length)}`, () => bars(1000)) : null;
      place.replaceChildren(bars(BARS), ...(rest ? [rest] : []));
      if (rest && open) rest.open = true;
      place.querySelectorAll("button")[had]?.focus();
    };
    const ranks = [4, 3, 2, 1, 0].filter((r) => levels.get(r));
    put(
      places.levels,
      "Severity",
      ["severity"],
      ranks.map((r) => ({ name: LEVELS[r], count: levels.get(r), cls: rankClass(LEVELS[r]) })),
      ranks,
      (r) => this.onlyLevel(LEVELS[r]),
      (r) => choice.levels.size === 1 && choice.levels.has(LEVELS[r]),
    );
    const tactics = together(all.rules, all.byRule(choice.matching("tactic")), tacticsOf);
    put(
      places.tactics,
      "Tactics",
      ["tactic"],
      tactics.map(([name, count]) => ({ name, count, cls: "s3" })),
      tactics.map(([t]) => t),
      (t) => toggle("tactic", t),
      (t) => choice.tactic === t,
    );
    const byRule = all.byRule(choice.matching("rule"));
    put(
      places.rules,
      "Rules",
      ["rule", "severity", "techniques"],
      ranked(byRule).map((r) => ({
        name: all.rules[r].title,
        count: byRule[r],
        cls: rankClass(all.rules[r].level),
        more: [all.rules[r].level, all.rules[r].techniques.join(" ")],
      })),
      ranked(byRule),
      (r) => toggle("rule", r),
      (r) => choice.rule === r,
    );
    const byHost = all.byHost(choice.matching("host"));
    put(
      places.hosts,
      "Hosts",
      ["host"],
      ranked(byHost).map((h) => ({ name: all.hosts[h] || "(no host)", count: byHost[h] })),
      ranked(byHost),
      (h) => toggle("host", h),
      (h) => choice.host === h,
    );
  }

  onlyLevel(level) {
    const { choice } = this;
    const only = choice.levels.size === 1 && choice.levels.has(level);
    choice.levels = new Set(only ? LEVELS : [level]);
    this.filter.levels();
    choice.changed();
  }

  ofProcess(process, rule) {
    this.choice.rule = rule;
    this.choice.set("process", process);
    byId("findings").scrollIntoView();
    this.grid.node.focus();
  }

  baselineNodes() {
    const { all } = this;
    const judged = [...all.rarity].filter((r) => r >= 0);
    if (!judged.length) return [el("p", {}, "No finding tells of a program, so none could be compared.")];
    const top = Math.max(1, Math.ceil(judged.reduce((a, b) => Math.max(a, b), 0)));
    const counts = new Array(top).fill(0);
    for (const r of judged) counts[Math.min(top - 1, Math.floor(r))]++;
    const plot = {
      kind: "histogram",
      title: "Findings by surprise",
      axis: { name: "surprise in bits (more is rarer)", log: false },
      bounds: counts.map((_, i) => i).concat(top),
      counts,
      threshold: null,
      counted: "findings",
    };
    const rarest = [...all.rarity.keys()]
      .filter((i) => all.rarity[i] >= 0)
      .sort((a, b) => all.rarity[b] - all.rarity[a] || a - b)
      .slice(0, 50);
    const unseen = new Map();
    for (const { new: values } of all.more.values())
      for (const v of values ?? []) unseen.set(v, (unseen.get(v) ?? 0) + 1);
    const frequent = [...unseen]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 50)
      .map(([name, count]) => ({ name, count, cls: "s3" }));
    return [
      el(
        "p",
        { class: "note" },
        `How unusual the events of ${counted(judged.length, "finding")} are, compared with ${this.info.baseline}. The table of findings can be sorted by it.`,
      ),
      chartNodes(plot, () => undefined),
      plainTable(
        "The most unusual",
        [
          { name: "bits", number: true },
          { name: "severity" },
          { name: "host" },
          { name: "rule" },
          { name: "never seen" },
        ],
        rarest.map((i) => [
          all.rarity[i].toFixed(1),
          all.ruleOf(i).level,
          all.hostName(i),
          el("button", { type: "button", class: "pick", on: { click: () => this.open(i) } }, all.ruleOf(i).title),
          (all.more.get(i)?.new ?? []).join("; "),
        ]),
      ),
      frequent.length
        ? barTable("What the baseline never saw, by findings that it stands behind", ["value"], frequent)
        : null,
    ];
  }

  open(i, step) {
    panel.open(this.all.ruleOf(i).title, findingNodes(this.all, this.events, i), step);
  }

  tableNodes() {
    const { all } = this;
    const rarity = {
      name: "Surprise",
      least: 6,
      number: true,
      cell: (i) => (all.rarity[i] < 0 ? "–" : all.rarity[i].toFixed(1)),
      order: (i) => all.rarity[i],
    };
    this.grid = new Grid(
      "Findings",
      [
        {
          name: "Time (UTC)",
          least: 13,
          cell: (i) => moment(all.time[i]),
          order: (i) => (Number.isNaN(all.time[i]) ? -Infinity : all.time[i]),
        },
        {
          name: "Severity",
          least: 7.5,
          worst: true,
          cell: (i) => el("span", { class: `badge ${all.ruleOf(i).level}` }, all.ruleOf(i).level),
          order: (i) => all.ruleOf(i).rank,
        },
        { name: "Host", least: 8, grow: 1, cell: (i) => all.hostName(i), order: (i) => all.hostName(i) },
        { name: "Rule", least: 12, grow: 2, cell: (i) => all.ruleOf(i).title, order: (i) => all.ruleOf(i).title },
        {
          name: "Techniques",
          least: 8,
          cell: (i) => all.ruleOf(i).techniques.join(" "),
          order: (i) => all.ruleOf(i).techniques.join(" "),
        },
        ...(this.info.baseline ? [rarity] : []),
        {
          name: "What was seen",
          least: 16,
          grow: 4,
          cell: (i) => all.texts[all.what[i]],
          order: (i) => all.texts[all.what[i]],
        },
      ],
      (i, step) => this.open(i, step),
    );
    this.filter = new Filter(this);
    return [this.filter.node, this.grid.node];
  }
}
