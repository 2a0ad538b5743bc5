// The fields above the table of findings, and what they and the charts have chosen.

/** The fields above the table. */
class Filter {
  constructor(scan) {
    this.scan = scan;
    const { choice } = scan;
    const search = el("input", {
      type: "search",
      id: "search",
      autocomplete: "off",
      spellcheck: "false",
      on: { input: soon(() => choice.set("text", search.value)) },
    });
    this.boxes = LEVELS.map((l) => el("input", { type: "checkbox", checked: true, on: { change: () => this.pick() } }));
    this.from = el("input", { type: "datetime-local", step: 1, id: "from", on: { change: () => this.typed() } });
    this.to = el("input", { type: "datetime-local", step: 1, id: "to", on: { change: () => this.typed() } });
    this.said = el("p", { class: "said", role: "status" });
    this.chips = el("div", { class: "chips" });
    this.search = search;
    this.node = el(
      "form",
      { class: "filter", on: { submit: (e) => e.preventDefault() } },
      el("label", { for: "search" }, "Search ", search),
      el(
        "fieldset",
        { class: "choose" },
        el("legend", {}, "Severity"),
        LEVELS.map((l, i) => el("label", {}, this.boxes[i], l)).reverse(),
      ),
      el("label", { for: "from" }, "From (UTC) ", this.from),
      el("label", { for: "to" }, "until ", this.to),
      el("button", { type: "button", on: { click: () => this.lift() } }, "Clear all"),
      this.chips,
      this.said,
    );
  }

  pick() {
    this.scan.choice.set("levels", new Set(LEVELS.filter((_, i) => this.boxes[i].checked)));
  }

  levels() {
    LEVELS.forEach((l, i) => (this.boxes[i].checked = this.scan.choice.levels.has(l)));
  }

  times(from, to) {
    const field = (t) => (Math.abs(t) <= 8.64e15 ? new Date(t).toISOString().slice(0, 19) : "");
    this.from.value = field(from);
    this.to.value = field(Math.ceil(to / 1000) * 1000);
  }

  typed() {
    const read = (input, none) => (input.value ? Date.parse(`${input.value}Z`) : none);
    const [from, to] = [read(this.from, -Infinity), read(this.to, Infinity)];
    Object.assign(this.scan.choice, { from, to });
    const whole = from === -Infinity && to === Infinity;
    this.scan.timeline.choose(
      whole ? undefined : Math.max(from, this.scan.span[0]),
      Math.min(to, this.scan.span[1] + 1),
    );
    this.scan.choice.changed();
  }

  lift() {
    Object.assign(this.scan.choice, {
      host: null,
      rule: null,
      tactic: null,
      process: null,
      text: "",
      levels: new Set(LEVELS),
    });
    this.search.value = "";
    this.levels();
    this.scan.during();
  }

  /** How many are left, and what leaves them. */
  say() {
    const { all, choice } = this.scan;
    const named = [
      ["host", choice.host !== null && `Host: ${all.hosts[choice.host]}`],
      ["rule", choice.rule !== null && `Rule: ${all.rules[choice.rule].title}`],
      ["tactic", choice.tactic !== null && `Tactic: ${choice.tactic}`],
      ["process", choice.process !== null && `Process: ${fileOf(choice.process.image)} ${choice.process.pid}`],
    ];
    this.chips.replaceChildren(
      ...named
        .filter(([, said]) => said)
        .map(([part, said]) =>
          el(
            "button",
            {
              type: "button",
              class: "chip",
              "aria-label": `Lift ${said}`,
              on: { click: () => choice.set(part, null) },
            },
            said,
            " ×",
          ),
        ),
    );
    this.said.textContent = `${thousands(choice.rows.length)} of ${counted(all.length, "finding")}`;
  }
}
