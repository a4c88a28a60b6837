// What goes wrong: events that strike the deployed design, what they do to it, and the few changes that mend it.
import { at, call, items, make, run, spoken, table, toast, written } from "./api.js";

let asked = () => ({});

/** Follow the form: `request()` is what it holds, with the events that `heard()` is told of. */
export function watchEvents(request, heard) {
  asked = request;
  at("events").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const form = request(), events = [...form.request.event, at("event").value.trim()];
      const shown = await call("POST", "/api/impact", { ...form, request: { ...form.request, event: events } });
      heard(events);
      at("event").value = "";
      impact(shown);
    } catch ({ message }) { say(at("impact"), message); }
  });
  at("mend").addEventListener("click", mend);
}

/** Show the events there are, each with a button that takes it back; nothing where no design is deployed. */
export function showEvents(events, network, deployed, heard) {
  at("wrong").hidden = !deployed || !network.deployable;
  at("impact").hidden = at("mend").hidden = true;
  at("mending").replaceChildren();
  at("event-names").replaceChildren(...network.events.map((value) => make("option", { value })));
  at("event").placeholder = `Such as: ${network.events[0]}`;
  at("event-list").replaceChildren(...events.map((text) => make("li", {}, text, make("button", { type: "button",
    className: "icon", "aria-label": `Take back: ${text}`,
    onclick: () => heard(events.filter((other) => other !== text)) }, "✕"))));
  at("event-list").hidden = !events.length;
}

function impact({ sentence, rows, broken }) {
  at("impact").hidden = at("mend").hidden = false;
  at("impact").replaceChildren(make("p", { className: broken.length ? "banner bad" : "banner" }, sentence),
    table(["Deployed design", "before", "after", ""], rows.map(row)));
  at("mend").textContent = broken.length ? "Suggest what mends it" : "Suggest improvements";
}

function say(place, message) {
  place.hidden = false;
  place.replaceChildren(make("p", { className: "bad" }, message));
}

const row = ({ label, unit: of, before, after, worse, breaks }) => [breaks.length ? "bad" : "",
  `${spoken(label)}${of && ` [${of}]`}`, written(before), written(after),
  breaks.length ? `breaks ${breaks.join(", ")}` : before === after ? "" : worse ? "worse" : "better"];

async function mend() {
  const tell = (text) => at("mending").replaceChildren(...items([text]));
  at("mend").disabled = true;
  try {
    const { job } = await run("/api/design", asked(), ({ doing }) => tell(doing));
    await suggest(job, at("mending"));
  } catch ({ message }) { tell(message); } finally { at("mend").disabled = false; }
}

/** List the suggestions for a design job: what to change, what it brings, and a button that accepts it. */
export async function suggest(job, place) {
  const tell = (texts) => place.replaceChildren(...items(texts));
  try {
    const { job: name, result } = await run("/api/suggest", { job }, ({ doing }) => tell([doing]));
    if (!result.suggestions.length) { tell(result.sentences); return; }
    place.replaceChildren(...result.suggestions.map((each, index) => make("li", { className: "suggestion" },
      make("strong", {}, each.count > 1 ? `${each.count} changes` : "1 change",
        each.fewest_proven ? ", the fewest that do" : ""),
      make("p", {},
        `Gain in ${spoken(each.steps[0].objective)}: ${written(each.gain)}, ${written(each.gain_a_change)} a change.`),
      make("ol", {}, ...items(each.steps.map(({ sentence }) => sentence))),
      make("button", { type: "button", className: "light", "aria-label": `Accept suggestion ${index + 1}`,
        onclick: () => accept(name, index + 1, "Suggestion") }, "Accept these changes"))));
  } catch ({ message }) { tell([message]); }
}

/** Write a design of an answer, or what a suggestion comes to, to its file. */
export async function accept(job, rank, what = "Design") {
  try {
    const { file } = await call("POST", "/api/accept", { job, rank });
    toast(`${what} ${rank} is accepted: ${file}`);
  } catch (problem) { toast(problem.message); }
}
