// Process trees: the processes that findings are of, and those that started them, as far as events tell.

const TREES = 12;
const DEEPEST = 40;

/** One process, put together from all sightings with its host and key. */
function processes(all) {
  const nodes = new Map();
  const at = (host, key) => {
    const name = `${host}\n${key}`;
    if (!nodes.has(name))
      nodes.set(name, {
        host,
        key,
        image: "",
        command: "",
        pid: "",
        parent: null,
        children: [],
        sightings: new Set(),
        findings: [],
      });
    return nodes.get(name);
  };
  const places = new Map(all.hosts.map((h, i) => [h, i]));
  const bySighting = all.processes.map(([host, ...rest], number) => {
    const [key, parent, image, parentImage, command, pid] = rest.map((n) => all.texts[n]);
    const place = places.get(all.texts[host]);
    const node = at(place, key);
    node.sightings.add(number);
    node.image ||= image;
    node.command ||= command;
    node.pid ||= pid;
    if (parent && parent !== key && !node.parent) {
      node.parent = at(place, parent);
      node.parent.image ||= parentImage;
    }
    return node;
  });
  const merged = sameByNumber(nodes);
  const last = (node) => (merged.has(node) ? last(merged.get(node)) : node);
  for (let i = 0; i < all.length; i++) if (all.process[i] >= 0) last(bySighting[all.process[i]]).findings.push(i);
  const kept = [...nodes.values()].filter((n) => !merged.has(n));
  for (const node of kept) node.parent &&= last(node.parent);
  return kept;
}

const byNumber = (node) => node.key.startsWith("pid ");

/** Whether two may be one process: the files of both have the same name, where both have one. */
const alike = (a, b) => !a.image || !b.image || fileOf(a.image).toLowerCase() === fileOf(b.image).toLowerCase();

/**
 * A process that one log knows by number is the one that another knows by GUID, where that is the only one of its
 * host with the number and the same program; so are then their parents. Answers which stands for which.
 */
function sameByNumber(nodes) {
  const known = new Map();
  for (const node of nodes.values()) {
    if (byNumber(node) || !node.pid) continue;
    const name = `${node.host}\npid ${node.pid}`;
    known.set(name, known.has(name) ? null : node);
  }
  const merged = new Map();
  for (const node of nodes.values()) {
    let [from, to] = [node, known.get(`${node.host}\n${node.key}`)];
    while (from && to && from !== to && byNumber(from) && !merged.has(from) && alike(from, to)) {
      from.sightings.forEach((s) => to.sightings.add(s));
      to.command ||= from.command;
      to.also = true;
      merged.set(from, to);
      to.parent ??= from.parent;
      [from, to] = [from.parent, to.parent];
    }
  }
  return merged;
}

/** Roots, those with the worst findings beneath them first. A circle of parents (numbers given anew) is cut. */
function forest(all) {
  const nodes = processes(all);
  for (const node of nodes) {
    let depth = 0;
    for (let up = node.parent; up && depth <= DEEPEST; up = up.parent) depth = up === node ? DEEPEST + 1 : depth + 1;
    if (depth > DEEPEST) node.parent = null;
    else node.parent?.children.push(node);
  }
  const roots = nodes.filter((n) => !n.parent);
  const weigh = (node) => {
    const own = node.findings.map((i) => all.ruleOf(i).rank);
    const below = node.children.map(weigh);
    node.worst = Math.max(
      -1,
      ...below.map((b) => b.worst),
      own.reduce((a, b) => Math.max(a, b), -1),
    );
    node.count = own.length + below.reduce((sum, b) => sum + b.count, 0);
    node.begin = node.findings.reduce(
      (t, i) => Math.min(t, all.time[i]),
      Math.min(Infinity, ...below.map((b) => b.begin)),
    );
    node.children.sort((a, b) => a.begin - b.begin);
    return node;
  };
  roots.forEach(weigh);
  return roots.filter((r) => r.count).sort((a, b) => b.worst - a.worst || b.count - a.count || a.begin - b.begin);
}

const fileOf = (path) => path.split(/[\\/]/).pop();

/** A process, what was found of it, and its children. */
function treeNode(all, node, pick) {
  const name = fileOf(node.image) || "unknown program";
  const rules = new Map();
  for (const i of node.findings) rules.set(all.rule[i], (rules.get(all.rule[i]) ?? 0) + 1);
  const found = [...rules].sort(([a], [b]) => all.rules[b].rank - all.rules[a].rank);
  const badges = found
    .slice(0, 12)
    .map(([rule, n]) =>
      el(
        "li",
        {},
        el(
          "button",
          { type: "button", class: `badge ${all.rules[rule].level}`, on: { click: () => pick(node, rule) } },
          `${all.rules[rule].level}: ${all.rules[rule].title}${n > 1 ? ` × ${thousands(n)}` : ""}`,
        ),
      ),
    );
  const more = found.length - badges.length;
  return el(
    "li",
    {},
    el(
      "div",
      { class: "process" },
      el("strong", {}, name),
      node.pid ? ` PID ${node.pid}` : "",
      byNumber(node)
        ? el("em", {}, " by number only: uncertain")
        : node.also
          ? el("em", {}, " also by number from another log")
          : "",
      node.findings.length ? "" : el("em", {}, " no finding of its own"),
      node.command ? el("code", {}, node.command) : node.image ? el("code", {}, node.image) : null,
      badges.length
        ? el("ul", { class: "badges" }, badges, more > 0 ? el("li", {}, `and ${counted(more, "more rule")}`) : null)
        : null,
    ),
    node.children.length
      ? el(
          "ul",
          {},
          node.children.map((c) => treeNode(all, c, pick)),
        )
      : null,
  );
}

/** The section. `pick(process, rule)` shows the findings of a process. */
function treeSection(all, full, pick) {
  const roots = forest(all);
  if (!roots.length) return null;
  const list = el("ul", { class: "tree" });
  const button = el("button", { type: "button" });
  let shown = 0;
  const more = () => {
    const next = roots.slice(shown, shown + TREES);
    let host = shown ? all.hosts[roots[shown - 1].host] : null;
    for (const root of next) {
      const here = all.hosts[root.host] || "(no host)";
      if (here !== host) list.append(el("li", { class: "tree-host" }, here));
      host = here;
      list.append(treeNode(all, root, pick));
    }
    shown += next.length;
    button.textContent = `Show more of ${thousands(roots.length)} trees`;
    button.hidden = shown >= roots.length;
  };
  button.onclick = more;
  more();
  const note = full
    ? el("p", { class: "note" }, "There were more processes than this file holds; later ones are left out.")
    : null;
  return [
    el(
      "p",
      { class: "note" },
      `${counted(roots.length, "tree")}, those with the worst findings first. A program without findings stands here because an event names it as the parent.`,
    ),
    note,
    list,
    button,
  ];
}
