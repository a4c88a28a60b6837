// Which networks have a model, and how to train the others.
import { at, make, unit } from "./api.js";

/** Show the catalogue. */
export function showNetworks({ networks, refused, others }) {
  at("with-model").replaceChildren(
    ...networks.map(({ name, summary, scenario, labels, digest }) => entry(name, summary,
      quiet(Object.entries(scenario).filter(([, value]) => typeof value !== "object").map((pair) => pair.join(" "))
        .join(", ")),
      quiet(`Labels: ${labels.map((label) => label.spoken + unit(label.unit)).join(", ")}`),
      quiet(`Model ${digest.slice(0, 16)}`))),
    ...refused.map(({ name, error }) => entry(`${name}: cannot be opened`, error)));
  at("without-model").replaceChildren(...others.map(({ name, summary, command, note }) =>
    entry(name, summary, command ? make("code", {}, command) : quiet(note))));
}

const quiet = (text) => make("span", { className: "quiet" }, text);
const entry = (name, text, ...more) => make("div", {}, make("strong", {}, name), make("span", {}, text), ...more);
