// Keys, the numbers of a curve's point under the pointer, and nothing that a page needs to be read.
"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const one = (query) => document.querySelector(query);
  const help = one("#help");
  const keys = one("#keys");

  if (keys && help && help.showModal) {
    keys.hidden = false;
    keys.addEventListener("click", () => help.showModal());
  }

  // The readout under a figure says what the pointer or the focus is on.
  for (const readout of all(".readout")) {
    const empty = readout.dataset.empty;
    readout.textContent = empty;
    const say = (text) => {
      readout.textContent = text || empty;
      readout.classList.toggle("on", Boolean(text));
    };
    for (const point of all("[data-said]")) {
      for (const kind of ["mouseenter", "focus"]) point.addEventListener(kind, () => say(point.dataset.said));
      for (const kind of ["mouseleave", "blur"]) point.addEventListener(kind, () => say(""));
    }
  }

  // Steps, rows of two attempts, rows of a list: what j and k go through.
  const stops = () => all("section.step, section.turn").length ? all("section.step, section.turn") : all("tr[data-row]");
  let at = -1;
  const current = (list) => {
    const held = list.findIndex((each) => each.contains(document.activeElement));
    if (held >= 0) return held;
    const named = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    const target = named ? list.findIndex((each) => each === named || each.contains(named)) : -1;
    return target >= 0 && at < 0 ? target : at;
  };
  const move = (by) => {
    const list = stops();
    if (!list.length) return;
    at = Math.max(0, Math.min(list.length - 1, current(list) + by));
    const goal = list[at];
    const link = goal.matches("tr") ? goal.querySelector("th a, td a") : goal;
    if (goal.id) history.replaceState(null, "", "#" + goal.id);
    (link || goal).focus({ preventScroll: true });
    goal.scrollIntoView({ block: goal.matches("tr") ? "nearest" : "start" });
  };
  let evidence = -1;
  const nextEvidence = () => {
    const found = all("mark.hit");
    if (!found.length) return;
    evidence = (evidence + 1) % found.length;
    history.replaceState(null, "", "#" + found[evidence].id);
    found[evidence].scrollIntoView({ block: "center" });
  };
  const tokens = () => {
    const held = all("details.tok");
    const open = held.some((each) => !each.open);
    for (const each of held) each.open = open;
  };
  const follow = (query) => {
    const link = one(query);
    if (link) link.click();
  };
  const does = {
    j: () => move(1), ArrowRight: () => move(1), k: () => move(-1), ArrowLeft: () => move(-1),
    n: () => follow("a[rel=next]"), p: () => follow("a[rel=prev]"), s: () => follow("a.beside"),
    t: tokens, e: nextEvidence,
    "/": () => { const box = one("#search"); if (box) box.focus(); else follow("nav a[href*='attempts']"); },
    "?": () => { if (help && help.showModal) help.showModal(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (help && help.open)) return;
    const where = event.target;
    if (where instanceof Element && where.closest("input, select, textarea, [contenteditable]")) return;
    const sideways = where instanceof Element && event.key.startsWith("Arrow") && where.closest("pre, .scroll");
    if (sideways && sideways.scrollWidth > sideways.clientWidth) return;
    const action = does[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });

  // The form of a filter leaves out of the address what was not asked for.
  for (const form of all("form.filter")) {
    form.addEventListener("submit", () => {
      for (const field of all("select, input", form)) if (!field.value) field.disabled = true;
    });
  }
  addEventListener("pageshow", () => { for (const field of all("form.filter :disabled")) field.disabled = false; });
})();
