// The request: what the form holds, read from words, confirmed in words.

import { at, call, make, spoken, toast, unit, written } from "./api.js";

const SENSES = ["<=", ">=", "<", ">"];
let networks = [], rows = [], ranges = new Map(), deployed = null, confirming = 0;
let changed = () => {};

/** Fill the form; `heard(dragging)` is told of each change. */
export function begin(list, heard) {
  networks = list;
  changed = (dragging) => { heard(dragging); if (!dragging) confirm(); };
  at("network").replaceChildren(...list.map(({ name }) => make("option", { value: name }, name)));
  at("network").addEventListener("change", () => { rows = []; ranges.clear(); deploy(null); pick(); changed(); });
  at("add").addEventListener("click", () => { add(labels()[0].name); at("constraints").lastElementChild.querySelector("select").focus(); });
  at("context-kind").addEventListener("change", () => { situation(); changed(); });
  at("forget").addEventListener("click", () => { deploy(null); changed(); });
  for (const name of ["seed", "count", "context", "objective", "objective-2"]) at(name).addEventListener("change", () => changed());
  at("copy").addEventListener("click", () => navigator.clipboard.writeText(at("command").textContent).then(() => toast("Copied.")));
  pick();
}

/** Return the labels of the chosen network. */
export const labels = () => network().labels;
const network = () => networks.find(({ name }) => name === at("network").value);

function pick() {
  at("summary").textContent = network().summary;
  at("context-kind").replaceChildren(make("option", { value: "" }, "Drawn at random"),
    ...network().presets.map((name) => make("option", { value: name }, name)), make("option", { value: "{own}" }, "Values of my own"));
  const goals = labels().flatMap(({ name, better }) => (better === "lower" ? ["min", "max"] : ["max", "min"]).map((way) => `${way} ${name}`));
  at("objective").replaceChildren(make("option", { value: "" }, "highest utility"), ...options(goals));
  at("objective-2").replaceChildren(make("option", { value: "" }, "nothing else"), ...options(["utility", ...goals]));
  situation();
  draw();
}

const options = (values, chosen, text = (value) => spoken(value).replace(/^min /, "lowest ").replace(/^max /, "highest ")) =>
  values.map((value) => make("option", { value, selected: value === chosen }, text(value)));

/** Take a design as the one that is deployed, or none. */
export function deploy(design, name = "the deployed design") {
  deployed = design;
  at("start").hidden = !design;
  at("start-name").textContent = name;
}

function situation() { at("context-own").hidden = at("context-kind").value !== "{own}"; }

function add(label, sense, threshold = "") {
  const { better } = labels().find(({ name }) => name === label);
  rows.push({ label, sense: sense ?? (better === "lower" ? "<=" : ">="), threshold });
  draw();
}

function draw() {
  at("constraints").replaceChildren(...rows.map((row, place) => constraint(row, place)));
}

function constraint(row, place) {
  const label = labels().find(({ name }) => name === row.label), name = spoken(row.label);
  const number = make("input", { type: "number", step: "any", value: row.threshold, "aria-label": `Threshold of ${name}`,
    placeholder: label.unit === "1" ? "" : label.unit, onchange: () => { row.threshold = number.value; draw(); changed(); } });
  return make("div", { className: "constraint", role: "group", "aria-label": `Constraint ${place + 1}` },
    make("select", { "aria-label": "Label", title: label.description, onchange: ({ target }) => {
      rows.splice(place, 1, { label: target.value, sense: row.sense, threshold: "" }); draw(); changed(); } },
      ...options(labels().map((each) => each.name), row.label, spoken)),
    make("select", { "aria-label": "Sense", onchange: ({ target }) => { row.sense = target.value; changed(); } },
      ...options(SENSES, row.sense, (sense) => sense.replace("<=", "≤").replace(">=", "≥"))),
    number,
    make("button", { type: "button", className: "icon", "aria-label": `Remove the constraint on ${name}`,
      onclick: () => { rows.splice(place, 1); draw(); changed(); } }, "✕"),
    ...(ranges.has(row.label) && row.threshold !== "" ? [slider(row, number, label)] : []));
}

function slider(row, number, label) {
  const [low, high] = ranges.get(row.label), value = Number(row.threshold);
  const range = make("input", { type: "range", min: Math.min(low, value), max: Math.max(high, value),
    step: label.whole ? 1 : "any", "aria-label": `Slide the threshold of ${spoken(row.label)}`,
    oninput: () => { row.threshold = number.value = label.whole ? range.value : Number(range.value).toPrecision(4); changed(true); },
    onchange: () => changed() });
  range.value = value;
  return make("div", { className: "slide" }, make("span", {}, written(low)), range, make("span", {}, `${written(high)}${unit(label.unit)}`));
}

/** Take the ranges of sliders from designs, so that each reaches somewhat beyond them. */
export function reach(designs) {
  ranges = new Map(labels().flatMap(({ name, whole }) => {
    const values = designs.map((design) => design[name]).filter((value) => value !== null);
    const low = Math.min(...values), high = Math.max(...values), room = 0.3 * (high - low) || 0.3 * Math.abs(high) || 1;
    const ends = [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
    return values.length ? [[name, whole ? [Math.floor(ends[0]), Math.ceil(ends[1])] : ends]] : [];
  }));
  draw();
}

/** Return the form as the API takes it. */
export function form() {
  const kind = at("context-kind").value;
  let context = null;
  if (kind === "{own}") {
    try { context = JSON.parse(at("context").value); } catch { throw new Error("The values of the situation are no JSON: write [0.1, 0.2] or {\"gain\": [0.1, 0.2]}."); }
  }
  return { network: network().name, seed: Number(at("seed").value), request: {
    where: rows.filter(({ threshold }) => threshold !== "").map(({ label, sense, threshold }) => `${label}${sense}${threshold}`),
    preset: kind && kind !== "{own}" ? kind : null, context, count: Number(at("count").value), start: deployed,
    objective: at("objective-2").value ? [at("objective").value || "utility", at("objective-2").value]
      : [at("objective").value].filter(Boolean) } };
}

/** Fill the form with what the API was asked for. */
export function fill({ network: name, request, seed }) {
  at("network").value = name;
  rows = (request.where ?? []).map((text) => text.match(/^\s*(\w+)\s*(<=|>=|<|>)\s*(\S+)\s*$/)).filter(Boolean)
    .map(([, label, sense, threshold]) => ({ label, sense, threshold }));
  pick();
  at("context-kind").value = request.context ? "{own}" : request.preset ?? "";
  at("context").value = request.context ? JSON.stringify(request.context) : "";
  [at("objective").value, at("objective-2").value] = [...(request.objective ?? []).map((each) => each === "utility" ? "" : each), "", ""];
  if (request.objective?.[1] === "utility") at("objective-2").value = "utility";
  deploy(request.start ?? null);
  at("seed").value = seed ?? 0;
  at("count").value = request.count ?? 16;
  situation();
  changed();
}

/** Put one constraint in the place of another. */
export function relax(before, after) {
  const asked = form();
  asked.request.where = asked.request.where.map((text) => (text === before ? after : text));
  fill(asked);
}

/** Read the sentence into the form, or show what has to be answered first. */
export async function read() {
  const text = at("sentence").value, before = form();
  const { request, seed, said, questions } = await call("POST", "/api/read", { text, ...before });
  at("questions").replaceChildren(...questions.map((question) => make("div", { className: "question" }, make("p", {}, question.text),
    make("div", { className: "row" }, ...question.choices.map(({ words, sentence }) => make("button", { type: "button", className: "light",
      onclick: () => { at("sentence").value = sentence; at("read").click(); } }, words))))));
  if (!request) {
    at("sentence").focus();
    at("sentence").setSelectionRange(questions[0].start, questions[0].end);
    throw new Error("Please answer first.");
  }
  fill({ network: before.network, request, seed });
  const end = said.at(-1)?.end ?? 0;
  at("spans").replaceChildren(...said.flatMap(({ start, end: to, meaning }, place) => [text.slice(said[place - 1]?.end ?? 0, start),
    make("mark", { title: meaning }, text.slice(start, to))]), text.slice(end));
  at("spans").hidden = false;
}

async function confirm() {
  const number = ++confirming;
  try {
    const said = await call("POST", "/api/confirm", form());
    if (number !== confirming) return;
    at("confirmation").hidden = false;
    at("canonical").textContent = said.sentence;
    at("command").textContent = said.command;
  } catch (problem) {
    if (number === confirming) at("confirmation").hidden = true;
  }
}
