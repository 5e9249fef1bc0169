// One queue in the table.

import { Chart } from "./chart.js";
import { count, percent, rate, span } from "./format.js";

/** From which share on a queue is called so, the fullest first. */
const LEVELS = [
  [0.95, "full"],
  [0.75, "high"],
  [0, "fine"],
];

export class Row {
  #parts = {};
  #meter;
  #chart;

  /** `act(action, queue)` is called with what was shown when a button was clicked. */
  constructor(name, act) {
    this.name = name;
    const copy = document.querySelector("#queue-row").content.cloneNode(true);
    this.element = copy.firstElementChild;
    for (const part of this.element.querySelectorAll("[data-show]"))
      this.#parts[part.dataset.show] = part;
    this.#parts.name.textContent = name;
    this.#meter = this.element.querySelector("[role=meter]");
    this.#meter.ariaLabel = `Fill of ${name}`;
    this.#chart = new Chart(this.element.querySelector("[data-chart]"));
    for (const button of this.element.querySelectorAll("button")) {
      button.ariaLabel = `${button.textContent} ${name}`;
      button.addEventListener("click", () => act(button.dataset.action, this.queue));
    }
  }

  show(queue, now) {
    this.queue = queue;
    const { figures, line } = queue;
    const { in: incoming, out: outgoing } = line.last;
    this.#fill(figures.utilization);
    this.#chart.show(line.points, now);
    this.#write("size", count(figures.size));
    this.#write("fill", `${percent(figures.utilization)} of ${count(figures.capacity)}`);
    this.#write("in", rate(incoming));
    this.#write("out", rate(outgoing));
    this.#write("waiting", count(figures.waiting_consumers));
    this.#write("full", count(figures.queue_full_total));
    this.#write("age", figures.size ? span(figures.oldest_age_seconds) : "–");
  }

  #fill(share) {
    const percentage = Math.min(share, 1) * 100; // messages that come back may exceed the capacity
    this.#meter.ariaValueNow = percentage;
    this.#meter.dataset.level = LEVELS.find(([from]) => share >= from)[1];
    this.#meter.firstChild.style.width = `${percentage}%`;
  }

  #write(part, text) {
    this.#parts[part].textContent = text;
    this.#parts[part].classList.toggle("none", text === "0" || text === "–");
  }
}
