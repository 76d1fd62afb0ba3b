// Searches the index of a published run. The index is scripts that hold data, since a page from disk may fetch nothing.
"use strict";
(() => {
  const form = document.getElementById("search-form");
  const body = document.querySelector("#found tbody");
  const state = document.getElementById("state");
  const more = document.getElementById("more");
  const rows = [];
  let fields = [];
  let shown = 0;
  let matches = [];
  const STEP = 100;

  const cell = (tag, role, text, label, number) => {
    const made = document.createElement(tag);
    made.setAttribute("role", role);
    if (label) made.dataset.label = label;
    if (number) made.className = "num";
    made.textContent = text;
    return made;
  };
  const line = (row) => {
    const made = document.createElement("tr");
    made.setAttribute("role", "row");
    made.dataset.row = "";
    const status = cell("td", "cell", "");
    const badge = document.createElement("span");
    badge.className = "badge b-" + row.status;
    badge.textContent = row.status;
    status.append(badge);
    if (row.flags) {
      const flag = document.createElement("span");
      flag.className = "flag";
      flag.textContent = " ⚑";
      flag.title = row.flags + " audit findings";
      status.append(flag);
    }
    const task = cell("th", "rowheader", "");
    task.scope = "row";
    if (row.page) {
      const link = document.createElement("a");
      link.href = "a/" + encodeURIComponent(row.id) + ".html";
      link.textContent = row.task;
      task.append(link);
    } else task.textContent = row.task;
    const why = cell("td", "cell", row.why, "why");
    why.className = "why";
    made.append(status, task, cell("td", "cell", row.arm, "arm"), cell("td", "cell", row.dose.toLocaleString("en"), "dose", true),
      cell("td", "cell", row.seed, "seed", true), cell("td", "cell", row.trial, "trial", true),
      cell("td", "cell", row.steps || "·", "steps", true),
      cell("td", "cell", row.value === null ? "·" : Number(row.value.toPrecision(3)), "value", true), why);
    return made;
  };
  const extend = () => {
    for (const row of matches.slice(shown, shown + STEP)) body.append(line(row));
    shown = Math.min(matches.length, shown + STEP);
    more.hidden = shown >= matches.length;
  };
  const search = () => {
    const want = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    const words = (want.text || "").toLowerCase().split(/\s+/).filter(Boolean);
    matches = rows.filter((row) =>
      ["arm", "status", "split", "dose", "seed"].every((name) => !want[name] || String(row[name]) === want[name]) &&
      (!want.flagged || (want.flagged === "yes") === row.flags > 0) && (!want.page || row.page) &&
      words.every((word) => row.said.includes(word)));
    body.textContent = "";
    shown = 0;
    extend();
    document.getElementById("matching").textContent =
      matches.length.toLocaleString("en") + (matches.length < rows.length ? " of " + rows.length.toLocaleString("en") : "");
    state.textContent = matches.length ? "" : "No attempt is like this.";
  };
  const choices = () => {
    for (const name of ["arm", "status", "split", "dose", "seed"]) {
      const values = [...new Set(rows.map((row) => row[name]))];
      if (typeof values[0] === "number") values.sort((a, b) => a - b);
      const select = form.elements[name];
      for (const value of values) {
        const option = document.createElement("option");
        option.value = value;
        option.textContent = typeof value === "number" ? value.toLocaleString("en") : value;
        select.append(option);
      }
      select.parentElement.hidden = values.length < 2;
    }
    form.elements.flagged.parentElement.hidden = !rows.some((row) => row.flags);
    form.elements.page.parentElement.hidden = rows.every((row) => row.page);
  };
  const fromAddress = () => {
    form.reset();
    for (const [name, value] of new URLSearchParams(location.hash.slice(1)))
      if (form.elements[name]) form.elements[name].value = value;
      else if (name === "task") form.elements.text.value = value;
    search();
  };
  const toAddress = () => {
    const kept = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", "#" + kept);
    search();
  };

  window.assayIndex = (part) => {
    fields = part.fields;
    for (const row of part.rows) {
      const made = Object.fromEntries(fields.map((name, place) => [name, row[place]]));
      made.said = [made.task, made.arm, made.why, made.status].join(" ").toLowerCase();
      rows.push(made);
    }
  };
  const load = (number) => {
    if (number >= Number(form.dataset.shards)) {
      state.textContent = "";
      choices();
      fromAddress();
      return;
    }
    const script = document.createElement("script");
    script.src = "index/" + number + ".js";
    script.onload = () => load(number + 1);
    script.onerror = () => { state.textContent = "The index could not be read: publish the run again."; };
    document.head.append(script);
  };
  let waiting = 0;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(toAddress, 120); });
  form.addEventListener("submit", (event) => { event.preventDefault(); toAddress(); });
  more.addEventListener("click", extend);
  addEventListener("hashchange", fromAddress);
  load(0);
})();
