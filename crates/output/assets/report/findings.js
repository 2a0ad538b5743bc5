// The findings: columns from all chunks, what is chosen of them, their events.

class Findings {
  constructor(many) {
    const numbers = (Kind) => new Kind(many);
    Object.assign(this, {
      length: 0,
      texts: [],
      rules: [],
      processes: [],
      more: new Map(),
      time: numbers(Float64Array),
      record: numbers(Float64Array),
      rarity: numbers(Float32Array).fill(-1),
      rule: numbers(Uint32Array),
      host: numbers(Uint32Array),
      what: numbers(Uint32Array),
      source: numbers(Uint32Array),
      process: numbers(Int32Array),
      event: new Array(many),
    });
    this.hosts = [];
  }

  static read(many) {
    const all = new Findings(many);
    const places = new Map();
    for (const part of blocks("findings")) {
      all.add(JSON.parse(part.textContent), places);
      part.remove();
    }
    all.rules.forEach((r) => (r.rank = LEVELS.indexOf(r.level)));
    return all;
  }

  /** Texts may stand twice among all texts; hosts are made one here, since they are counted. */
  add(chunk, places) {
    const start = this.length;
    for (const t of chunk.texts) this.texts.push(t);
    this.rules.push(...chunk.rules);
    for (const p of chunk.processes) this.processes.push(p);
    for (const name of ["rule", "what", "source", "record", "process"]) this[name].set(chunk[name], start);
    if (chunk.rarity)
      this.rarity.set(
        chunk.rarity.map((n) => (n < 0 ? -1 : n / 10)),
        start,
      );
    let before = 0;
    chunk.time.forEach((t, i) => (this.time[start + i] = t === null ? NaN : (before += t)));
    chunk.host.forEach((h, i) => (this.host[start + i] = this.hostOf(this.texts[h], places)));
    chunk.events.forEach((e, i) => (this.event[start + i] = e));
    for (const [at, more] of Object.entries(chunk.more)) this.more.set(start + Number(at), more);
    this.length += chunk.rule.length;
  }

  hostOf(name, places) {
    let place = places.get(name);
    if (place === undefined) {
      place = this.hosts.push(name) - 1;
      places.set(name, place);
    }
    return place;
  }

  hostName(i) {
    return this.hosts[this.host[i]] || "(no host)";
  }
  ruleOf(i) {
    return this.rules[this.rule[i]];
  }

  /** How many of these findings each rule, each host has. */
  byRule(rows) {
    return counts(rows, this.rule, this.rules.length);
  }
  byHost(rows) {
    return counts(rows, this.host, this.hosts.length);
  }
}

function counts(rows, column, many) {
  const out = new Uint32Array(many);
  for (let n = 0; n < rows.length; n++) out[column[rows[n]]]++;
  return out;
}

const tacticsOf = (rule) => (rule.tactics.length ? rule.tactics : ["No tactic named"]);

/** Numbers 0 up to `many`. */
const upTo = (many) => Uint32Array.from({ length: many }, (_, i) => i);

/** 1 for each of `things` that passes. */
const flags = (things, test) => Uint8Array.from(things, (t, i) => (test(t, i) ? 1 : 0));

/** What is chosen of the findings. Charts can leave out their own part, to show what else there is. */
class Choice {
  constructor(all) {
    Object.assign(this, {
      all,
      levels: new Set(LEVELS),
      host: null,
      rule: null,
      tactic: null,
      process: null,
      text: "",
      from: -Infinity,
      to: Infinity,
    });
    this.heard = [];
    this.words = new Map();
    this.everything = upTo(all.length);
    this.rows = this.everything;
  }

  set(part, value) {
    this[part] = value;
    this.changed();
  }

  changed() {
    this.rows = this.matching();
    this.heard.forEach((h) => h());
  }

  /** Which rules the severity, rule and tactic that were chosen leave; nothing where all. */
  rulesLeft(except) {
    const on = (part, value) => (part !== except && value ? value : null);
    const levels = on("levels", this.levels.size < LEVELS.length && this.levels);
    const tactic = on("tactic", this.tactic);
    const rule = except !== "rule" ? this.rule : null;
    if (!levels && !tactic && rule === null) return null;
    return flags(
      this.all.rules,
      (r, i) =>
        (!levels || levels.has(r.level)) && (!tactic || tacticsOf(r).includes(tactic)) && (rule === null || rule === i),
    );
  }

  /** Each word must stand in the rule, its techniques, the host, the source or what was seen. A text is looked at once. */
  wordsLeft() {
    const { all } = this;
    const wanted = this.text.toLowerCase().split(/\s+/).filter(Boolean);
    this.lower ??= {
      texts: all.texts.map((t) => t.toLowerCase()),
      hosts: all.hosts.map((h) => h.toLowerCase()),
      rules: all.rules.map((r) =>
        [r.title, r.id, r.path, r.level, ...r.techniques, ...r.tactics].join("\n").toLowerCase(),
      ),
    };
    for (const known of this.words.keys()) if (!wanted.includes(known)) this.words.delete(known);
    for (const w of wanted) {
      const has = (texts) => flags(texts, (t) => t.includes(w));
      if (!this.words.has(w))
        this.words.set(w, { texts: has(this.lower.texts), hosts: has(this.lower.hosts), rules: has(this.lower.rules) });
    }
    return wanted.map((w) => this.words.get(w));
  }

  /** The findings that all parts leave, but that of `except`. */
  matching(except) {
    const { all, from, to, process } = this;
    const host = except !== "host" ? this.host : null;
    const rules = this.rulesLeft(except);
    const words = this.wordsLeft();
    const timed = except !== "time" && (from > -Infinity || to < Infinity);
    if (!rules && host === null && !words.length && !timed && !process) return this.everything;
    const out = new Uint32Array(all.length);
    let n = 0;
    for (let i = 0; i < all.length; i++) {
      if (rules && !rules[all.rule[i]]) continue;
      if (host !== null && all.host[i] !== host) continue;
      if (timed && !(all.time[i] >= from && all.time[i] < to)) continue;
      if (process && !process.sightings.has(all.process[i])) continue;
      if (
        words.length &&
        !words.every(
          (w) => w.rules[all.rule[i]] || w.texts[all.what[i]] || w.hosts[all.host[i]] || w.texts[all.source[i]],
        )
      )
        continue;
      out[n++] = i;
    }
    return out.subarray(0, n);
  }
}

/** The events that stand in the file. A block is read when one of its events is asked for. */
class Events {
  constructor() {
    this.blocks = blocks("events").map((node) => ({ node, first: Number(node.dataset.first), read: null }));
  }
  get(number) {
    const found = this.blocks.findLast((b) => b.first <= number);
    if (!found) return undefined;
    found.read ??= JSON.parse(found.node.textContent);
    return found.read[number - found.first];
  }
}

/** One event as facts and fields. */
function eventNodes(event, title) {
  const from = `${event.source} #${event.record}`;
  const kind = [event.provider, event.event_id].filter((x) => x !== null).join(" ");
  return el(
    "section",
    { class: "event" },
    el("h3", {}, title),
    facts([
      ["Time", event.time],
      ["Computer", event.computer],
      ["Event", kind],
      ["Channel", event.channel],
      ["From", from],
    ]),
    el(
      "table",
      { class: "fields", "aria-label": `Fields of ${title}` },
      el(
        "tbody",
        {},
        event.fields.map(([name, value]) =>
          el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, harmlessLines(value))),
        ),
      ),
    ),
    event.more ? el("p", { class: "note" }, `${counted(event.more, "more field")} left out.`) : null,
  );
}

/** A text node that keeps its lines. */
const harmlessLines = (value) => document.createTextNode(harmless(value, true));

/** The panel of a finding. */
function findingNodes(all, events, i) {
  const rule = all.ruleOf(i);
  const more = all.more.get(i) ?? {};
  const numbers = [all.event[i]].flat().filter((n) => n >= 0);
  const total = more.events ?? 1;
  const left = total - numbers.length;
  const seen =
    more.seen && (more.seen.length ? `${thousands(more.seen[0])} events on ${counted(more.seen[1], "host")}` : "never");
  const where = `${all.texts[all.source[i]]} #${all.record[i]}`;
  return [
    facts([
      ["Severity", rule.level],
      ["Time (UTC)", moment(all.time[i])],
      ["Host", all.hostName(i)],
      ["Techniques", [...rule.techniques, ...rule.tactics].join(", ")],
      ["Rule", `${rule.id} (${rule.language}), ${rule.path}`],
      ["Surprise", all.rarity[i] >= 0 ? `${all.rarity[i]} bits` : null],
      ["Program in baseline", seen],
      ["Never seen", more.new?.join("; ")],
    ]),
    rule.description ? el("p", { class: "lines" }, harmlessLines(rule.description)) : null,
    rule.false_positives.length ? facts([["False positives", rule.false_positives.join("; ")]]) : null,
    rule.references.length ? facts([["References", rule.references.join(" ")]]) : null,
    more.row ? plainTable("Result", [{ name: "column" }, { name: "value" }], more.row) : null,
    ...numbers.map((n, k) => eventNodes(events.get(n), total > 1 ? `Event ${k + 1} of ${total}` : "Event")),
    left > 0
      ? el(
          "p",
          { class: "note" },
          `${counted(left, "event")} of this finding ${left === 1 ? "is" : "are"} not in this file${total ? `; the first is ${where}` : ""}.`,
        )
      : null,
  ];
}
