// One queue in the table.

import { Chart } from "./chart.js";
import { bytes, count, percent, rate, span } from "./format.js";
import { addressOf } from "./place.js";
import { inWords } from "./policy.js";
import { FULL, fill, troubleOf } from "./troubles.js";

/** From which share on a queue is called so, the fullest first. */
const LEVELS = [
  [FULL, "full"],
  [0.75, "high"],
  [0, "fine"],
];

export class Row {
  #parts = {};
  #meter;
  #chart;

  /** `menu` is opened by the button of the row. */
  constructor(name, menu) {
    this.name = name;
    const copy = document.querySelector("#queue-row").content.cloneNode(true);
    this.element = copy.firstElementChild;
    for (const part of this.element.querySelectorAll("[data-show]"))
      this.#parts[part.dataset.show] = part;
    this.#parts.name.textContent = name;
    this.#parts.name.href = addressOf(name);
    this.#meter = this.element.querySelector("[role=meter]");
    this.#meter.ariaLabel = `Fill of ${name}`;
    this.#chart = new Chart(this.element.querySelector("[data-chart]"));
    const button = this.element.querySelector("button");
    button.ariaLabel = `Actions of ${name}`;
    menu.serve(button);
  }

  show(queue, now) {
    this.queue = queue;
    const { figures, line } = queue;
    const { in: incoming, out: outgoing } = line.last;
    const share = fill(figures);
    const isByBytes = share > figures.utilization;
    this.element.dataset.trouble = troubleOf(queue) ?? "";
    this.#fill(share, figures.overflow);
    this.#chart.show(line.points, now);
    this.#write("size", count(figures.size));
    this.#write("fill", `${percent(share)} of ${isByBytes ? bytes(figures.max_bytes) : count(figures.capacity)}`);
    this.#write("in", rate(incoming));
    this.#write("out", rate(outgoing));
    this.#write("waiting", count(figures.waiting_consumers));
    this.#write("full", count(figures.queue_full_total));
    this.#write("expired", count(figures.expired_total));
    this.#write("dropped", count(figures.overflow_dropped_total));
    this.#write("policy", inWords(figures));
    this.#write("age", figures.size ? span(figures.oldest_age_seconds) : "–");
  }

  #fill(share, overflow) {
    const percentage = Math.min(share, 1) * 100; // messages that come back may exceed the capacity
    this.#meter.ariaValueNow = percentage;
    // A queue that drops its oldest is meant to be full.
    const level = LEVELS.find(([from]) => share >= from)[1];
    this.#meter.dataset.level = overflow === "reject" ? level : "fine";
    this.#meter.firstChild.style.width = `${percentage}%`;
  }

  #write(part, text) {
    this.#parts[part].textContent = text;
    this.#parts[part].classList.toggle("none", text === "0" || text === "–");
  }
}
