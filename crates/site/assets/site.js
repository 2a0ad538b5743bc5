"use strict";
// Search over the index beside the pages. Everything is put into the page as text, never as markup.
(() => {
  const field = document.getElementById("find");
  const found = document.getElementById("found");
  const root = document.documentElement.dataset.root || "";
  const most = 40;
  if (!field || !found || typeof shikraIndex === "undefined") return;

  const entries = shikraIndex.map(([path, title, kind, more]) => ({
    path, title, kind, text: (title + " " + more).toLowerCase(),
  }));
  let at = -1;

  const rank = (entry, words) => {
    let score = 0;
    for (const word of words) {
      const place = entry.text.indexOf(word);
      if (place < 0) return -1;
      score += place === 0 ? 3 : /[\s\-_.]/.test(entry.text[place - 1]) ? 2 : 1;
    }
    return score + (entry.kind === "technique" ? 2 : 0);
  };

  const close = () => {
    found.hidden = true;
    found.replaceChildren();
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    at = -1;
  };

  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    close();
    if (!words.length) return;
    const hits = entries
      .map((entry) => [rank(entry, words), entry])
      .filter(([score]) => score >= 0)
      .sort((a, b) => b[0] - a[0] || a[1].title.localeCompare(b[1].title))
      .slice(0, most);
    hits.forEach(([, entry], i) => {
      const link = document.createElement("a");
      link.href = root + entry.path;
      link.id = "found-" + i;
      link.setAttribute("role", "option");
      link.setAttribute("aria-selected", "false");
      link.tabIndex = -1;
      link.textContent = entry.title + " ";
      const kind = document.createElement("small");
      kind.textContent = entry.kind;
      link.append(kind);
      found.append(link);
    });
    if (!hits.length) {
      const nothing = document.createElement("a");
      nothing.setAttribute("role", "option");
      nothing.setAttribute("aria-selected", "false");
      nothing.textContent = "Nothing found";
      found.append(nothing);
    }
    found.hidden = false;
    field.setAttribute("aria-expanded", "true");
  };

  const move = (step) => {
    const links = found.querySelectorAll("a[href]");
    if (!links.length) return;
    if (links[at]) { links[at].classList.remove("at"); links[at].setAttribute("aria-selected", "false"); }
    at = (at + step + links.length) % links.length;
    links[at].classList.add("at");
    links[at].setAttribute("aria-selected", "true");
    links[at].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", links[at].id);
  };

  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); move(1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); move(-1); }
    else if (event.key === "Escape") close();
    else if (event.key === "Enter") {
      const links = found.querySelectorAll("a[href]");
      const link = links[at < 0 ? 0 : at];
      if (link) { event.preventDefault(); link.click(); }
    }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest("search")) close(); });
})();
