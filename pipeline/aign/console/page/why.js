// Why a design looks as it does: sentences, its figures beside the next design's, pictures.
import { at, call, image, items, make, run, spoken, table, unit, written } from "./api.js";

/** Open the explanation of a design of a job's answer. */
export async function explain(job, design, designs, labels) {
  const other = designs.find(({ rank }) => rank === (design.rank === 1 ? 2 : 1));
  const state = make("p", { role: "status", className: "quiet" }, "asks");
  at("why-title").textContent = `Why design ${design.rank}`;
  at("why-body").replaceChildren(state);
  at("why").showModal();
  try {
    const { job: name, result } = await run("/api/explain", { job, rank: design.rank },
      ({ doing }) => { state.textContent = doing; });
    at("why-body").replaceChildren(
      make("ul", {}, ...items(result.sentences)),
      questions(job),
      image("Who pays, prices, and the path", `/api/jobs/${name}/picture`),
      ...(other ? [beside(design, other, labels)] : []),
      image(`Picture of design ${design.rank}`, `/api/jobs/${job}/designs/${design.rank}/picture`));
  } catch (problem) { state.textContent = problem.message; }
}

function questions(job) {
  const replies = make("ul", { "aria-live": "polite" });
  const text = make("input", { "aria-label": "Ask about this answer", maxLength: 4000,
    placeholder: "Ask: what binds? why is user 7 so low? what if the power bound goes?",
    onkeydown: ({ key }) => { if (key === "Enter") ask(); } });
  const ask = () => call("POST", "/api/ask", { job, text: text.value })
    .then(({ sentences }) => sentences, ({ message }) => [message])
    .then((sentences) => replies.replaceChildren(...items(sentences)));
  return make("div", { className: "ask" }, make("div", { className: "row" }, text,
    make("button", { type: "button", onclick: ask }, "Ask")), replies);
}

function beside(design, other, labels) {
  return table(["", `Design ${design.rank}`, `Design ${other.rank}`, "difference"],
    [{ name: "utility", unit: "" }, ...labels].map(({ name, unit: of }) => {
      const difference = design[name] - other[name];
      return ["", `${spoken(name)}${of && of !== "1" ? ` [${of}]` : ""}`, written(design[name]), written(other[name]),
        `${difference > 0 ? "+" : ""}${written(difference)}`];
    }));
}
