// Which networks have a model, and how to train the others.

import { at, make, spoken, unit } from "./api.js";

/** Show the catalogue. */
export function showNetworks({ networks, refused, others }) {
  at("with-model").replaceChildren(
    ...networks.map(({ name, summary, scenario, labels, digest }) => make("div", {}, make("strong", {}, name), make("span", {}, summary),
      make("span", { className: "quiet" }, Object.entries(scenario).filter(([, value]) => typeof value !== "object")
        .map(([key, value]) => `${key} ${value}`).join(", ")),
      make("span", { className: "quiet" }, `Labels: ${labels.map((label) => spoken(label.name) + unit(label.unit)).join(", ")}`),
      make("span", { className: "quiet" }, `Model ${digest.slice(0, 16)}`))),
    ...refused.map(({ name, error }) => make("div", {}, make("strong", {}, `${name}: cannot be opened`), make("span", {}, error))));
  at("without-model").replaceChildren(...others.map(({ name, summary, command, note }) => make("div", {},
    make("strong", {}, name), make("span", {}, summary),
    command ? make("code", {}, command) : make("span", { className: "quiet" }, note))));
}
