// Why a design looks as it does: sentences, its figures beside the next design's, pictures.

import { at, call, follow, make, spoken, unit, written } from "./api.js";

/** Open the explanation of a design of a job's answer. */
export async function explain(job, design, designs, labels) {
  const other = designs.find(({ rank }) => rank === (design.rank === 1 ? 2 : 1));
  const state = make("p", { role: "status", className: "quiet" }, "asks");
  at("why-title").textContent = `Why design ${design.rank}`;
  at("why-body").replaceChildren(state);
  at("why").showModal();
  try {
    const { job: name } = await call("POST", "/api/explain", { job, rank: design.rank });
    const ended = await follow(name, ({ doing }) => { state.textContent = doing; });
    if (ended.state !== "done") throw new Error(ended.error ?? "Cancelled.");
    at("why-body").replaceChildren(
      make("ul", {}, ...ended.result.sentences.map((sentence) => make("li", {}, sentence))),
      make("img", { className: "drawn", alt: "Who pays, prices, and the path", src: `/api/jobs/${name}/picture` }),
      ...(other ? [beside(design, other, labels)] : []),
      make("img", { className: "drawn", alt: `Picture of design ${design.rank}`,
        src: `/api/jobs/${job}/designs/${design.rank}/picture` }));
  } catch (problem) { state.textContent = problem.message; }
}

function beside(design, other, labels) {
  const rows = [{ name: "utility", unit: "" }, ...labels].map(({ name, unit: of }) => make("tr", {},
    make("td", {}, `${spoken(name)}${of && of !== "1" ? ` [${unit(of).trim()}]` : ""}`),
    ...[design[name], other[name], design[name] - other[name]].map((value, place) =>
      make("td", {}, place === 2 && value > 0 ? `+${written(value)}` : written(value)))));
  return make("table", {}, make("thead", {}, make("tr", {}, ...["", `Design ${design.rank}`, `Design ${other.rank}`,
    "difference"].map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, ...rows));
}
