// The figures of all queues together.

import { Chart } from "./chart.js";
import { bytes, count, rate, span } from "./format.js";

export class Totals {
  #place;
  #about;
  #chart;

  constructor(place, about) {
    this.#place = place;
    this.#about = about;
    this.#chart = new Chart(place.querySelector("[data-chart]"));
  }

  show(health, queues, history) {
    const sum = (figure) => queues.reduce((all, { figures }) => all + figures[figure], 0);
    const { in: incoming, out: outgoing } = history.total.last;
    this.#write("queues", count(health.total_queues));
    this.#write("size", count(sum("size")));
    this.#write("bytes", bytes(sum("bytes")));
    this.#write("waiting", count(sum("waiting_consumers")));
    this.#write("full", count(sum("queue_full_total")));
    this.#write("in", rate(incoming));
    this.#write("out", rate(outgoing));
    this.#chart.show(history.total.points, history.now);
    this.#about.textContent = `${health.version}, up ${span(Math.floor(health.uptime_seconds))}`;
  }

  #write(figure, text) {
    this.#place.querySelector(`[data-show=${figure}]`).textContent = text;
  }
}
