// All designs as lines across one axis for each figure; limits drawn on the axes keep some of the designs.
import { make, spoken, unit, written } from "./api.js";

const HEIGHT = 264, TOP = 58, BOTTOM = 24, NARROWEST = 96, STEP = 0.05, LETTER = 7.2;

/** Return text in lines of at most so many letters, where its words allow it. */
function wrapped(text, most) {
  return text.split(" ").reduce(([line, ...above], word) =>
    (line && `${line} ${word}`.length > most ? [word, line, ...above] : [`${line} ${word}`.trim(), ...above]), [""])
    .reverse();
}

/** Draws designs in `place`; `chosen(kept)` hears which ranks are within all limits, `lit(rank)` what is pointed at. */
export class Parallel {
  constructor(place, chosen, lit) {
    Object.assign(this, { place, chosen, lit, limits: new Map(), designs: [], axes: [] });
    new ResizeObserver(() => this.draw()).observe(place);
  }

  /** Show designs; each axis has name, unit and, where the request bounds it, `bounds`. */
  show(designs, axes) {
    if (axes.map((axis) => axis.name).join() !== this.axes.map((axis) => axis.name).join()) this.limits.clear();
    this.designs = designs;
    this.axes = axes.filter(({ name }) => designs.some((design) => design[name] !== null)).map((axis) => {
      const values = designs.map((design) => design[axis.name]).filter((value) => value !== null);
      const low = Math.min(...values, ...axis.bounds.map(({ threshold }) => threshold));
      const high = Math.max(...values, ...axis.bounds.map(({ threshold }) => threshold));
      const room = axis.bounds.length ? 0.06 * (high - low) : 0;
      return { ...axis, low: low - room, high: high > low ? high + room : low + (Math.abs(low) || 1) * 0.01 };
    });
    this.draw();
  }

  clear() { this.limits.clear(); this.draw(); }

  y(axis, value) { return HEIGHT - BOTTOM - (value - axis.low) / (axis.high - axis.low) * (HEIGHT - TOP - BOTTOM); }

  within(one) { return [...this.limits].every(([name, [low, high]]) => one[name] >= low && one[name] <= high); }

  light(rank) { this.paths.forEach((path, other) => path.classList.toggle("lit", other === rank)); }

  draw() {
    const focused = document.activeElement?.closest?.(".lines g[data-name]")?.dataset.name;
    const width = Math.max(this.place.clientWidth, this.axes.length * NARROWEST);
    const gap = width / Math.max(this.axes.length, 1), x = (place) => gap * (place + 0.5);
    this.paths = new Map([...this.designs].reverse().map((design) => {
      const points = this.axes.map(({ name }, place) =>
        design[name] === null ? "" : `${x(place)},${this.y(this.axes[place], design[name])}`);
      const kind = !design.feasible ? "broken" : design.rank === 1 ? "best" : "";
      return [design.rank, make("path", { d: `M${points.filter(Boolean).join("L")}`, class: kind,
        onpointerenter: () => this.lit(design.rank), onpointerleave: () => this.lit(null) },
        make("title", {}, `Design ${design.rank}`))];
    }));
    const axes = this.axes.map((axis, place) => this.axis(axis, x(place), gap));
    this.place.replaceChildren(make("svg", { class: "lines", width, height: HEIGHT, role: "group",
      "aria-label": "Designs in parallel coordinates" }, ...this.paths.values(), ...axes));
    if (focused) this.place.querySelector(`g[data-name="${focused}"]`)?.focus();
    const kept = new Set(this.designs.filter((design) => this.within(design)).map(({ rank }) => rank));
    for (const [rank, path] of this.paths) path.classList.toggle("faded", !kept.has(rank));
    this.chosen(kept);
  }

  axis(axis, x, gap) {
    const limit = this.limits.get(axis.name), [low, high] = limit ?? [axis.low, axis.high];
    const forbidden = axis.bounds.map(({ upper, threshold }) => make("line", { class: "forbidden", x1: x, x2: x,
      y1: this.y(axis, threshold), y2: this.y(axis, upper ? axis.high : axis.low) }));
    const name = spoken(axis.name), lines = wrapped(name, gap / LETTER);
    return make("g", { tabindex: 0, role: "slider", "data-name": axis.name, "aria-orientation": "vertical",
      "aria-label": `Upper limit of ${name}`, "aria-valuemin": axis.low, "aria-valuemax": axis.high,
      "aria-valuenow": high, "aria-valuetext": limit ? `${written(low)} to ${written(high)}` : "no limit",
      onkeydown: (event) => this.key(event, axis) },
      ...lines.map((line, row) => make("text", { x, y: TOP - 17 - 14 * (lines.length - 1 - row),
        "text-anchor": "middle" }, line)),
      make("text", { class: "end", x, y: TOP - 3, "text-anchor": "middle" }, `${written(axis.high)}${unit(axis.unit)}`),
      make("text", { class: "end", x, y: HEIGHT - 7, "text-anchor": "middle" }, written(axis.low)),
      make("line", { class: "axis", x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }), ...forbidden,
      ...(limit ? [make("rect", { class: "brush", x: x - 9, width: 18, y: this.y(axis, high), rx: 4,
        height: Math.max(3, this.y(axis, low) - this.y(axis, high)) })] : []),
      make("rect", { class: "grip", x: x - 14, width: 28, y: TOP - 8, height: HEIGHT - TOP - BOTTOM + 16,
        onpointerdown: (event) => this.drag(event, axis), ondblclick: () => this.limit(axis, null) }));
  }

  limit(axis, range) {
    const slack = (axis.high - axis.low) * 1e-9;  // the ends belong to it
    if (range) this.limits.set(axis.name, [Math.min(...range) - slack, Math.max(...range) + slack]);
    else this.limits.delete(axis.name);
    this.draw();
  }

  drag(event, axis) {
    event.preventDefault();
    const top = this.place.querySelector("svg").getBoundingClientRect().top;
    const value = (y) => axis.low + (HEIGHT - BOTTOM - Math.min(Math.max(y - top, TOP), HEIGHT - BOTTOM))
      / (HEIGHT - TOP - BOTTOM) * (axis.high - axis.low);
    const start = value(event.clientY), move = ({ clientY }) => this.limit(axis, [start, value(clientY)]);
    addEventListener("pointermove", move);
    addEventListener("pointerup", () => removeEventListener("pointermove", move), { once: true });
  }

  key(event, axis) {
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key === "Escape") this.limit(axis, null);
    else if (way) {
      const range = [...(this.limits.get(axis.name) ?? [axis.low, axis.high])], side = event.shiftKey ? 0 : 1;
      range[side] = Math.min(axis.high, Math.max(axis.low, range[side] + way * STEP * (axis.high - axis.low)));
      this.limit(axis, range);
    } else return;
    event.preventDefault();
  }
}
