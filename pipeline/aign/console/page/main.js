// The page as a whole: views, the running job, live mode, shortcuts.

import { at, call, follow, toast } from "./api.js";
import { show, showLive } from "./answer.js";
import { showNetworks } from "./networks.js";
import { begin, deploy, fill, form, labels, reach, read, relax } from "./request.js";

const act = {
  relax: (before, after) => { relax(before, after); design(); },
  start: ({ design: values, rank }) => { deploy(values, `design ${rank} above`); toast("Change the request: the answer will say what to change."); },
};
let running = null, live = { busy: false, again: false, times: [] };

function status(text, bad = false) {
  at("status").textContent = text;
  at("status").classList.toggle("bad", bad);
}

function working(job) {
  running = job;
  at("progress").hidden = at("cancel").hidden = job === null;
  at("go").disabled = job !== null;
}

async function design() {
  try {
    const { job } = await call("POST", "/api/design", form());
    history.replaceState(null, "", `#job=${job}`);
    await watch(job);
  } catch (problem) { status(problem.message, true); }
}

async function watch(job) {
  working(job);
  const began = Date.now();
  try {
    const ended = await follow(job, ({ doing }) => status(doing));
    if (ended.state === "done") {
      reach(ended.result.designs);
      show(job, ended.result, labels(), act);
      status(`${ended.result.designs.length} designs in ${((Date.now() - began) / 1000).toFixed(1)} s.`);
    } else status(ended.state === "cancelled" ? "Cancelled." : ended.error, ended.state !== "cancelled");
  } catch (problem) { status(problem.message, true); } finally { working(null); }
}

async function update() {
  if (live.busy) { live.again = true; return; }
  live.busy = true;
  do {
    live.again = false;
    try {
      const { designs, bounds } = await call("POST", "/api/live", form());
      showLive(designs, labels(), bounds);
      live.times = [...live.times.filter((time) => performance.now() - time < 2000), performance.now()];
      const span = live.times.at(-1) - live.times[0];
      at("rate").textContent = span ? `${((live.times.length - 1) * 1000 / span).toFixed(1)} updates/s` : "";
      status("");
    } catch (problem) { status(problem.message, true); }
  } while (live.again);
  live.busy = false;
}

function heard(dragging) {
  if (!at("live").checked) return;
  if (dragging) update();
  else if (!live.busy) design();
}

function views() {
  const other = location.hash === "#networks";
  at("design-view").hidden = other;
  at("networks-view").hidden = !other;
  at(other ? "to-networks" : "to-design").setAttribute("aria-current", "page");
  at(other ? "to-design" : "to-networks").removeAttribute("aria-current");
}

async function start() {
  addEventListener("hashchange", views);
  const job = location.hash.match(/^#job=([\w-]+)$/)?.[1];
  views();
  status("The worker starts.");
  try {
    const catalogue = await call("GET", "/api/networks");
    showNetworks(catalogue);
    status(catalogue.networks.length ? "" : "There is no model here yet: see Networks.", !catalogue.networks.length);
    if (!catalogue.networks.length) return;
    begin(catalogue.networks, heard);
    at("go").addEventListener("click", design);
    at("read").addEventListener("click", () => read().then(() => status("Read. Is it what you want?"), (problem) => status(problem.message, true)));
    at("cancel").addEventListener("click", () => call("DELETE", `/api/jobs/${running}`).catch((problem) => toast(problem.message)));
    if (job) {
      const known = await call("GET", `/api/jobs/${job}`);
      fill(known.asked);
      await watch(job);
    }
  } catch (problem) { status(problem.message, true); }
}

addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea, select")) { event.preventDefault(); at("sentence").focus(); }
  if (event.key === "Enter" && event.ctrlKey) at(event.target === at("sentence") ? "read" : "go").click();
});
start();
