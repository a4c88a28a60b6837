// The answer: what is certified or impossible, all designs compared, a card for each.
import { at, image, items, make, spoken, unit, written } from "./api.js";
import { Parallel } from "./parallel.js";
import { explain } from "./why.js";
import { accept, suggest } from "./wrong.js";

let job = null, answer = null, cards = new Map();
const parallel = new Parallel(at("parallel").querySelector(".scroll"), keep, light);
at("clear").addEventListener("click", () => parallel.clear());

/** Show the result of a design job; `act` has what buttons do: relax and start. */
export function show(name, result, labels, act) {
  [job, answer] = [name, result];
  showVerdict(act);
  at("changes").hidden = !result.changes;
  const steps = result.changes?.steps.map(({ sentence }) => sentence) ?? [];
  at("steps").replaceChildren(...items(steps.length ? steps : ["Nothing needs changing."]));
  at("suggestions").replaceChildren(make("li", {}, make("button", { type: "button",
    onclick: () => suggest(name, at("suggestions")) }, "Suggest few changes")));
  at("front").hidden = !result.front;
  at("front").querySelector("img")?.remove();
  if (result.front) at("front").append(image("Front of the objectives", `/api/jobs/${name}/picture`));
  list(result.designs, labels, result.bounds, act);
}

/** Show live designs: figures only, no pictures, which would lag behind. */
export function showLive(designs, labels, bounds) {
  for (const name of ["verdict", "changes", "front"]) at(name).hidden = true;
  list(designs, labels, bounds);
}

function list(designs, labels, bounds, act) {
  at("empty").hidden = true;
  at("parallel").hidden = false;
  cards = new Map(designs.map((design) => [design.rank, card(design, labels, bounds, act)]));
  at("cards").replaceChildren(...cards.values());
  const axes = [{ name: "utility", unit: "" }, ...labels].map((label) => ({ ...label,
    bounds: bounds.filter((bound) => bound.label === label.name) }));
  parallel.show(designs, axes);
}

function keep(kept) {
  for (const [rank, element] of cards) element.hidden = !kept.has(rank);
  at("shown").textContent = kept.size < cards.size ? `${kept.size} of ${cards.size} designs` : `${cards.size} designs`;
}

function light(rank) {
  parallel.light(rank);
  for (const [other, element] of cards) element.classList.toggle("lit", other === rank);
}

function showVerdict(act) {
  at("verdict").hidden = false;
  at("verdict").className = answer.feasible ? "banner" : "banner bad";
  at("verdict").replaceChildren(
    make("strong", {}, answer.headline),
    make("p", {}, answer.verdict),
    make("div", { className: "row" }, ...answer.relaxations.map((each) => make("button", { type: "button",
      onclick: () => act.relax(each.where) }, `Relax to ${each.shown}`))),
    make("p", { className: "quiet" }, answer.statement));
}

function figures(design, labels, bounds) {
  const asked = new Set(bounds.map(({ label }) => label));
  const rows = [["utility", design.utility, "", "What the network is designed for."],
    ...labels.map(({ name, unit: of, description }) => [name, design[name], of, description])];
  return make("dl", {}, ...rows.flatMap(([name, value, of, title]) => [
    make("dt", { className: asked.has(name) ? "asked" : "", title }, spoken(name)),
    make("dd", { className: asked.has(name) ? "asked" : "" }, written(value), make("small", {}, unit(of)))]));
}

function head({ rank, feasible, gap }) {
  return make("div", { className: "head" }, make("h3", {}, `Design ${rank}`),
    make("span", { className: feasible ? "badge" : "badge bad" }, feasible ? "met" : "not met"),
    make("span", { className: "quiet", title: "How far from the best that is proven or known" }, Number.isFinite(gap)
      ? `gap ${(100 * gap).toFixed(2)} %` : ""));
}

function card(design, labels, bounds, act) {
  const from = job, { rank } = design;
  const button = (text, onclick) =>
    make("button", { type: "button", className: "light", onclick, "aria-label": `${text} design ${rank}` }, text);
  return make("li", { className: "card", onpointerenter: () => light(rank), onpointerleave: () => light(null),
    onfocusin: () => light(rank), onfocusout: () => light(null) }, head(design),
    ...(act ? [image(`Picture of design ${rank}`, `/api/jobs/${from}/designs/${rank}/picture`,
      { onclick: () => explain(from, design, answer.designs, labels) })] : []),
    figures(design, labels, bounds),
    ...(act ? [make("div", { className: "foot" }, button("Why", () => explain(from, design, answer.designs, labels)),
      ...(act.deployable() ? [button("Start here", () => act.start(design))] : []),
      button("Accept", () => accept(from, rank)))] : []));
}
