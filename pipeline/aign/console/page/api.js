// Asking the server, following its jobs, and making elements.
const token = document.querySelector("meta[name=aign-token]").content;

/** Ask the API; an answer that is a refusal becomes an Error with its message. */
export async function call(method, path, body) {
  const headers = method === "GET" ? {} : { "X-Aign-Token": token };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const reply = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
    .catch(() => { throw new Error("The console does not answer. Is `aign console` still running?"); });
  const content = await reply.json();
  if (!reply.ok) throw new Error(content.error);
  return content;
}

/** Follow a job until it has ended, telling of each event; return the job. */
export function follow(job, tell) {
  return new Promise((resolve, reject) => {
    const stream = new EventSource(`/api/jobs/${job}/events`);
    stream.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      tell(event);
      if (["done", "failed", "cancelled"].includes(event.state)) {
        stream.close();
        call("GET", `/api/jobs/${job}`).then(resolve, reject);
      }
    };
    stream.onerror = () => {  // the browser tries again by itself, except after a refusal
      if (stream.readyState === EventSource.CLOSED) reject(new Error("That job is not known any more. Ask again."));
    };
  });
}

/** Start a job and follow it, telling of each event; return it when it is done, or throw why it is not. */
export async function run(path, body, tell) {
  const ended = await follow((await call("POST", path, body)).job, tell);
  if (ended.state !== "done") throw new Error(ended.error ?? "Cancelled.");
  return ended;
}

/** Return the element with an id. */
export const at = (id) => document.getElementById(id);

/** Make an element with properties and children; "on..." properties listen, others that it lacks are attributes. */
export function make(tag, properties = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "rect", "text", "title", "circle"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (!svg && name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Make a picture that the server draws. */
export const image = (alt, src, more = {}) => make("img", { className: "drawn", loading: "lazy", alt, src, ...more });

/** Make the items of a list. */
export const items = (texts) => texts.map((text) => make("li", {}, text));

/** Show a message for a moment, or until the next one. */
export function toast(text) {
  at("toast").textContent = text;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { at("toast").textContent = ""; }, 9000);
}

/** Return a number for people. */
export const written = (value) => (value === null || value === undefined ? "–"
  : String(Number.isInteger(value) ? value : Number(value.toPrecision(5))));

/** Make a table; each row has a class and cells. */
export const table = (heads, rows) => make("table", {},
  make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)))),
  make("tbody", {}, ...rows.map(([className, ...cells]) =>
    make("tr", { className }, ...cells.map((text) => make("td", {}, text))))));

const names = new Map();
/** Take the words for labels that `spoken` returns. */
export const learn = (labels) => labels.forEach((label) => names.set(label.name, label.spoken));

/** Return a label as it is spoken, and its unit as it is printed. */
export const spoken = (name) => names.get(name) ?? name.replaceAll("_", " ");
export const unit = (text) => (text === "1" ? "" : ` ${text}`);
