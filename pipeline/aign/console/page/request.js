// The request: what the form holds, read from words, confirmed in words.
import { at, call, learn, make, spoken, toast, unit, written } from "./api.js";
import { showEvents, watchEvents } from "./wrong.js";

const SENSES = { "<=": "≤", ">=": "≥", "<": "<", ">": ">" }, OWN = "{own}";
let networks = [], rows = [], events = [], ranges = new Map(), deployed = null, confirming = 0, changed = () => {};

/** Fill the form; `heard(dragging)` is told of each change. */
export function begin(list, heard) {
  networks = list;
  changed = (dragging) => { heard(dragging); if (!dragging) confirm(); };
  at("network").replaceChildren(...options(list.map(({ name }) => name), "", String));
  at("network").addEventListener("change", () => { rows = []; deploy(null); pick(); changed(); });
  at("add").addEventListener("click", () => {
    rows.push(unbounded(labels()[0].name));
    draw();
    at("constraints").lastElementChild.querySelector("select").focus();
  });
  at("forget").addEventListener("click", () => { deploy(null); changed(); });
  for (const name of ["seed", "count", "context", "context-kind", "objective", "objective-2"])
    at(name).addEventListener("change", () => { situation(); changed(); });
  at("copy").addEventListener("click", () =>
    navigator.clipboard.writeText(at("command").textContent).then(() => toast("Copied.")));
  watchEvents(form, goesWrong);
  pick();
}

const network = () => networks.find(({ name }) => name === at("network").value);
export const labels = () => network().labels;
export const deployable = () => network().deployable;
const unbounded = (label) => ({ label, threshold: "",
  sense: labels().find(({ name }) => name === label).better === "lower" ? "<=" : ">=" });
const aim = (goal) => spoken(goal).replace(/^min /, "lowest ").replace(/^max /, "highest ");
const options = (values, chosen, text = aim) =>
  values.map((value) => make("option", { value, selected: value === chosen }, text(value)));

function pick() {
  ranges.clear();
  learn(labels());
  at("summary").textContent = network().summary;
  at("count").value = network().count;
  at("examples").replaceChildren(...network().sentences.map((text) => make("li", {}, make("button", { type: "button",
    className: "light", onclick: () => { at("sentence").value = text; at("read").click(); } }, text))));
  at("context-kind").replaceChildren(make("option", { value: "" }, "Drawn at random"),
    ...options(network().presets, "", String), make("option", { value: OWN }, "Values of my own"));
  const goals = labels().flatMap(({ name }) => [`min ${name}`, `max ${name}`]);
  at("objective").replaceChildren(...options(["utility", ...goals]));
  at("objective-2").replaceChildren(make("option", { value: "" }, "nothing else"), ...options(["utility", ...goals]));
  situation();
  draw();
}

const situation = () => { at("context-own").hidden = at("context-kind").value !== OWN; };
function draw() {  // the focus stays where it was
  const all = () => [...at("constraints").querySelectorAll("select, input, button")];
  const focused = all().indexOf(document.activeElement);
  at("constraints").replaceChildren(...rows.map(constraint));
  all()[focused]?.focus();
}

function goesWrong(list) {
  events = list;
  showEvents(events, network(), deployed, goesWrong);
  changed();
}

/** Take a design as the one that is deployed, or none; what went wrong with the one before is forgotten. */
export function deploy(design, name = "the deployed design", struck = []) {
  [deployed, events] = [design, struck];
  showEvents(events, network(), deployed, goesWrong);
  at("start").hidden = !design;
  at("start-name").textContent = name;
}

function constraint(row, place) {
  const label = labels().find(({ name }) => name === row.label), name = spoken(row.label);
  const set = (values) => { Object.assign(row, values); draw(); changed(); };
  const select = (text, values, chosen, shown, onchange) =>
    make("select", { "aria-label": text, title: label.description, onchange }, ...options(values, chosen, shown));
  const number = make("input", { type: "number", step: "any", value: row.threshold, placeholder: unit(label.unit),
    "aria-label": `Threshold of ${name}`, onchange: () => set({ threshold: number.value }) });
  return make("div", { className: "constraint", role: "group", "aria-label": `Constraint ${place + 1}` },
    select("Label", labels().map((each) => each.name), row.label, spoken,
      ({ target }) => set(unbounded(target.value))),
    select("Sense", Object.keys(SENSES), row.sense, (key) => SENSES[key], ({ target }) => set({ sense: target.value })),
    number,
    make("button", { type: "button", className: "icon", "aria-label": `Remove the constraint on ${name}`,
      onclick: () => { rows.splice(place, 1); draw(); changed(); } }, "✕"),
    ...(ranges.has(row.label) && row.threshold !== "" ? [slider(row, number, label)] : []));
}

function slider(row, number, label) {
  const [low, high] = ranges.get(row.label), value = Number(row.threshold);
  const range = make("input", { type: "range", min: Math.min(low, value), max: Math.max(high, value),
    step: label.whole ? 1 : "any", "aria-label": `Slide the threshold of ${spoken(row.label)}`,
    title: `${written(low)} to ${written(high)}`,
    oninput: () => {
      row.threshold = number.value = label.whole ? range.value : Number(range.value).toPrecision(4);
      changed(true);
    },
    onchange: () => changed() });
  range.value = value;
  return make("div", { className: "slide" }, unit(label.unit), range);
}

/** Take the ranges of sliders. */
export function reach(ends) { ranges = new Map(Object.entries(ends)); draw(); }

/** Return the form as the API takes it. */
export function form() {
  const kind = at("context-kind").value, goals = [at("objective").value, at("objective-2").value].filter(Boolean);
  let context = null;
  try { if (kind === OWN) context = JSON.parse(at("context").value); } catch {
    throw new Error('The values of the situation are no JSON: write [0.1, 0.2] or {"gain": [0.1, 0.2]}.');
  }
  return { network: at("network").value, seed: Number(at("seed").value), request: {
    where: rows.filter(({ threshold }) => threshold !== "").map((row) => `${row.label}${row.sense}${row.threshold}`),
    preset: kind && kind !== OWN ? kind : null, context, count: Number(at("count").value),
    start: deployed, event: events, objective: goals.join() === "utility" ? [] : goals } };
}

/** Fill the form with a request as the API takes it. */
export function fill({ network: name, request, seed }) {
  at("network").value = name;
  rows = request.where.map((text) => text.match(/^\s*(\w+)\s*([<>]=?)\s*(\S+)\s*$/)).filter(Boolean)
    .map(([, label, sense, threshold]) => ({ label, sense, threshold }));
  pick();
  at("context-kind").value = request.context ? OWN : request.preset ?? "";
  at("context").value = JSON.stringify(request.context) ?? "";
  [at("objective").value, at("objective-2").value] = [request.objective[0] ?? "utility", request.objective[1] ?? ""];
  [at("seed").value, at("count").value] = [seed, request.count];
  deploy(request.start, undefined, request.event);
  situation();
  changed();
}

/** Ask for other constraints. */
export function bound(where) {
  const { request, ...rest } = form();
  fill({ ...rest, request: { ...request, where } });
}

/** Let the sentence make the request ("read") or change it ("refine"), or show what has to be answered first. */
export async function read(how) {
  const text = at("sentence").value;
  const { said, questions, ...reading } = await call("POST", `/api/${how}`, { text, ...form() });
  at("questions").replaceChildren(...questions.map((question) => make("div", { className: "question" }, question.text,
    make("div", { className: "row" }, ...question.choices.map(({ words, sentence }) => make("button", { type: "button",
      className: "light", onclick: () => { at("sentence").value = sentence; at(how).click(); } }, words))))));
  if (!reading.request) {
    at("sentence").focus();
    at("sentence").setSelectionRange(questions[0].start, questions[0].end);
    throw new Error("Please answer first.");
  }
  fill(reading);
  at("spans").replaceChildren(...said.flatMap(({ start, end, meaning }, place) => [
    text.slice(said[place - 1]?.end ?? 0, start), make("mark", { title: meaning }, text.slice(start, end))]),
    text.slice(said.at(-1)?.end ?? 0));
}

async function confirm() {
  const number = ++confirming;
  const said = await call("POST", "/api/confirm", form()).catch(({ message }) => ({ sentence: message, command: "" }));
  if (number !== confirming) return;
  at("confirmation").hidden = false;
  at("canonical").textContent = said.sentence;
  at("command").textContent = said.command;
  at("note").textContent = said.note ?? "";
}
