"use strict";
// Glue between the page's controls and its Vega-Lite charts: the charts are drawn by Vega.
(() => {
  let page, views, closed = false;

  const at = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const quiet = { actions: false, renderer: "svg", logLevel: 1 };

  function start(state) {
    page = JSON.parse(at("#page-data").textContent);
    views = {};
    const drawn = all("[data-chart]").map(async (place) => {
      const name = place.dataset.chart;
      views[name] = (await vegaEmbed(place, page.charts[name], quiet)).view;
    });
    all("table.epiplexity").forEach(sortable);
    all("[data-csv]").forEach((b) => b.onclick = () => save(page.tables[b.dataset.csv].csv, `epiplexity-${b.dataset.csv}.csv`, "text/csv"));
    all("[data-json]").forEach((b) => b.onclick = () => save(JSON.stringify(page.tables[b.dataset.json].rows, null, 1), `epiplexity-${b.dataset.json}.json`, "application/json"));
    all("[data-save]").forEach((b) => b.onclick = async () => save(await views[b.dataset.save].toSVG(), `epiplexity-${b.dataset.save}.svg`, "image/svg+xml"));
    const slider = at("#slider"), run = at("#run"), every = at("#all-runs");
    if (slider) slider.oninput = () => setBudget(Number(slider.value));
    if (run) run.onchange = () => setRun(Number(run.value));
    if (run) at("#run-name").textContent = page.runs[Number(run.value)].label;
    if (every) every.ontoggle = () => every.open && drawEvery(every);
    return Promise.all(drawn).then(() => {
      if (state && slider) {
        const place = page.budgets.findIndex((budget) => budget >= state.budget * 0.9999);
        slider.value = place < 0 ? page.budgets.length - 1 : place;
        setBudget(Number(slider.value));
      }
      document.body.dataset.ready = "";
    });
  }

  function signal(view, name, value) {
    if (view && name in view.getState({ signals: () => true, data: () => false }).signals) view.signal(name, value).runAsync();
  }

  function setBudget(place) {
    const text = `${page.stops[place]} FLOPs`;
    at("#slider").setAttribute("aria-valuetext", text);
    at("#slider-value").textContent = text;
    Object.values(views).forEach((view) => signal(view, "budget", place));
    all("#readout tbody tr").forEach((row, i) => [...row.cells].forEach((cell, j) => { cell.textContent = page.readout[place][i][j]; }));
    const run = at("#run");
    if (!run) return;
    const chosen = page.chosen[place][page.runs[Number(run.value)].source];
    if (chosen !== undefined && chosen !== null) { run.value = chosen; setRun(chosen); }
  }

  function setRun(place) {
    at("#run-name").textContent = page.runs[place].label;
    for (const name of ["area", "runs"]) {
      signal(views[name], "of", page.runs[place].of);
      signal(views[name], "run", place);
    }
  }

  // Every run's picture is drawn where it is asked for: a hundred take a second.
  function drawEvery(details) {
    const room = at(".many", details);
    if (room.childElementCount) return;
    const rows = page.charts.area.datasets.areas;
    page.runs.forEach((one, i) => {
      const box = document.createElement("div"), place = document.createElement("div"), name = document.createElement("p");
      name.textContent = one.label;
      place.className = "chart";
      box.append(name, place);
      room.append(box);
      const spec = { ...page.charts.small, datasets: { areas: rows.filter((row) => row.run === i) }, description: `Code of ${one.label}` };
      vegaEmbed(place, spec, quiet);
    });
  }

  function sortable(table) {
    if (table.id === "readout") return;
    all("thead th", table).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.onclick = () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = all("tbody tr", table), body = at("tbody", table);
        rows.sort((a, b) => compare(a.cells[column].textContent, b.cells[column].textContent) * (up ? 1 : -1));
        body.append(...rows);
      };
    });
  }

  function compare(a, b) {
    const [x, y] = [a, b].map((text) => parseFloat(text.replace(/[^0-9.eE+-].*$/, "")));
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return Number.isNaN(x) ? a.localeCompare(b) : x - y;
  }

  function save(text, name, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // A live page asks the server how the sweep goes on, and takes the new results when there are any.
  async function follow() {
    let version = page.revision;
    while (!closed) {
      try {
        const state = await (await fetch("state.json", { cache: "no-store" })).json();
        at("#lost").hidden = true;
        show(state);
        const stale = state.version !== version;
        const text = stale && await (await fetch("./", { cache: "no-store" })).text();
        // Before it is drawn, which may take longer than the server waits for a page.
        if (state.ended) { closed = true; await fetch("seen", { cache: "no-store" }).catch(() => {}); }
        if (stale) { await refresh(text, state); version = state.version; }
      } catch (error) {
        at("#lost").textContent = `The server of this page does not answer since ${new Date().toLocaleTimeString()}: what is shown is the last that was known. Start it again with: ${page.watch}`;
        at("#lost").hidden = false;
        await wait(3000);
      }
      await wait(1000);
    }
  }

  const wait = (time) => new Promise((done) => setTimeout(done, time));

  async function refresh(text, state) {
    const next = new DOMParser().parseFromString(text, "text/html");
    const slider = at("#slider"), kept = slider && { budget: page.budgets[Number(slider.value)] };
    const focused = document.activeElement && document.activeElement.id, top = window.scrollY;
    Object.values(views).forEach((view) => view.finalize());
    at("#main").replaceWith(next.querySelector("#main"));
    document.title = next.title;
    await start(kept);
    show(state);
    window.scrollTo(0, top);
    if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
  }

  function show(state) {
    at("#live-state").textContent = state.text;
    at("#live-bar").value = state.share;
    at("#live-numbers").textContent = state.numbers;
    fill(at("#live-losses"), state.losses);
    fill(at("#live-messages"), state.messages);
  }

  function fill(list, texts) {
    list.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }

  const begun = start(null);
  if ("live" in document.body.dataset) begun.then(follow);
})();
