// Begins, once the whole file is there.

/** Rows of each table that go to paper. */
const PRINTED = 1000;

function printable(grids) {
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((d) => d.fillForPrint?.());
    for (const grid of grids) grid.node.after((grid.paper = el("div", { class: "paper" }, grid.printed(PRINTED))));
  });
  addEventListener("afterprint", () => grids.forEach((g) => g.paper?.remove()));
}

/** The head of the page stays in sight: what is jumped to must not hide beneath it. */
function clearHeader() {
  const header = document.querySelector("header");
  new ResizeObserver(() => (document.documentElement.style.scrollPaddingTop = `${header.offsetHeight + 8}px`)).observe(
    header,
  );
}

function start() {
  const info = block("totals");
  const content = byId("content");
  panel.ready();
  if (document.body.dataset.report === "scan") {
    const scan = new Scan(info);
    content.append(...scan.nodes().filter(Boolean));
    scan.timeline?.redraw();
    printable([scan.grid].filter(Boolean));
  } else {
    content.append(section("summary", "Summary", totalsNodes(info)));
    const events = new Events();
    const all = blocks("hunt").map((b, i) => new Hunt(JSON.parse(b.textContent), i + 1, events));
    content.append(...all.map((h) => h.node()).filter(Boolean));
    printable(all.map((h) => h.grid).filter(Boolean));
  }
  clearHeader();
  document.documentElement.dataset.ready = "yes";
}

start();
