// The page as a whole: views, the running job, live mode, shortcuts.
import { at, call, follow, toast } from "./api.js";
import { show, showLive } from "./answer.js";
import { showNetworks } from "./networks.js";
import { begin, bound, deploy, deployable, fill, form, labels, reach, read } from "./request.js";

const act = {
  deployable,
  relax: (where) => { bound(where); design(); },
  start: ({ design: values, rank }) => {
    deploy(values, `design ${rank}`, form().request.event);  // what went wrong is still so
    at("event").focus();
    toast("Change the request, or say what goes wrong: the answer says what to change in that design.");
  },
};
let running = null, updating = null, again = false, times = [];

function status(text, bad = false) {
  at("status").textContent = text;
  at("status").classList.toggle("bad", bad);
}

const wrong = ({ message }) => status(message, true);
function working(job) {
  running = job;
  at("progress").hidden = at("cancel").hidden = job === null;
  at("go").disabled = job !== null;
}

async function design() {
  if (at("go").disabled) return;
  at("go").disabled = true;
  status("asks");
  try {
    const { job } = await call("POST", "/api/design", form());
    history.replaceState(null, "", `#job=${job}`);
    await watch(job);
  } catch (problem) { wrong(problem); working(null); }
}

async function watch(job) {
  working(job);
  const began = Date.now();
  try {
    const ended = await follow(job, ({ doing }) => status(doing));
    if (ended.state === "done") {
      reach(ended.result.reach);
      show(job, ended.result, labels(), act);
      status(`${ended.result.designs.length} designs in ${((Date.now() - began) / 1000).toFixed(1)} s.`);
    } else status(ended.state === "cancelled" ? "Cancelled." : ended.error, ended.state !== "cancelled");
  } catch (problem) { wrong(problem); } finally { working(null); }
}

/** Design as long as the slider has moved since: the model sets the pace. */
async function update() {
  while (again) {
    again = false;
    try {
      const { designs, bounds } = await call("POST", "/api/live", form());
      showLive(designs, labels(), bounds);
      times = [...times.filter((time) => performance.now() - time < 2000), performance.now()];
      const rate = (times.length - 1) * 1000 / (times.at(-1) - times[0]);
      at("rate").textContent = rate ? `${rate.toFixed(1)} updates/s` : "";
    } catch (problem) { wrong(problem); }
  }
  updating = null;
}

function heard(dragging) {
  if (!at("live").checked) return;
  if (!dragging) { Promise.resolve(updating).then(design); return; }
  again = true;
  updating ??= update();
}

function views() {
  for (const name of ["design", "networks"]) {
    const shown = (name === "networks") === (location.hash === "#networks");
    at(`${name}-view`).hidden = !shown;
    at(`to-${name}`).ariaCurrent = shown ? "page" : null;
  }
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
    for (const how of ["read", "refine"])
      at(how).addEventListener("click", () => read(how).then(() => {
        status("Is it what you want? Then design.");
        at("go").focus();
      }, wrong));
    at("cancel").addEventListener("click", () => call("DELETE", `/api/jobs/${running}`).catch(wrong));
    if (job) {
      fill((await call("GET", `/api/jobs/${job}`)).asked);
      await watch(job);
    }
  } catch (problem) { wrong(problem); }
}

addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea, select")) {
    event.preventDefault();
    at("sentence").focus();
  }
  if (event.key === "Enter" && event.ctrlKey) at(event.target === at("sentence") ? "read" : "go").click();
});
start();
