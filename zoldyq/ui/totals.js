// The figures of all queues together.

import { Chart } from "./chart.js";
import { bytes, count, duration, rate, span } from "./format.js";

// From which share of a limit on a figure is marked.
const NEARLY = 0.9;

export class Totals {
  #place;
  #about;
  #chart;
  #calls = { calls: 0, seconds: 0 };

  constructor(place, about) {
    this.#place = place;
    this.#about = about;
    this.#chart = new Chart(place.querySelector("[data-chart]"));
  }

  show({ health, queues, history, server: { values } }) {
    const sum = (figure) => queues.reduce((all, { figures }) => all + figures[figure], 0);
    const { in: incoming, out: outgoing } = history.total.last;
    this.#writeUse("queues", health.total_queues, values.max_queues, count);
    this.#write("size", count(sum("size")));
    this.#writeUse("bytes", sum("bytes"), values.max_bytes, bytes);
    this.#writeUse("connections", values.connections, values.max_connections, count);
    this.#write("waiting", count(sum("waiting_consumers")));
    this.#write("full", count(sum("queue_full_total")));
    this.#write("expired", count(sum("expired_total")));
    this.#write("dropped", count(sum("overflow_dropped_total")));
    this.#write("in", rate(incoming));
    this.#write("out", rate(outgoing));
    this.#chart.show(history.total.points, history.now);
    const up = span(Math.floor(health.uptime_seconds));
    this.#about.textContent = `${health.version}, up ${up}${this.#where(health.backend, values)}`;
  }

  /** Where the queues are, if not in memory, and how long calls took since the last look. */
  #where(backend, { engine_calls_total: calls, engine_call_seconds_total: seconds }) {
    if (!backend?.nodes) return "";
    const before = this.#calls;
    this.#calls = { calls, seconds };
    const made = calls - before.calls;
    const took = made > 0 ? ` (${duration((seconds - before.seconds) / made)} a call)` : "";
    return `, queues in Redis at ${backend.nodes.join(", ")}${took}`;
  }

  #write(figure, text) {
    this.#place.querySelector(`[data-show=${figure}]`).textContent = text;
  }

  /** Write a figure with its limit, each where it is known. */
  #writeUse(figure, use, limit, format) {
    const place = this.#place.querySelector(`[data-show=${figure}]`);
    place.closest("div").hidden = use === undefined;
    if (use === undefined) return;
    place.textContent = format(use);
    place.parentElement.querySelector("small").textContent = limit ? `of ${format(limit)}` : "";
    place.closest("div").dataset.level = limit && use >= NEARLY * limit ? "high" : "fine";
  }
}
