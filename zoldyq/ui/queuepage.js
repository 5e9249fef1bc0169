// The page of one queue: its figures, its last hour, who waits for it, and how it is used.

import { Refused, queuePath, request } from "./api.js";
import { Clients } from "./clients.js";
import { bytes, count, duration, percent, rate, span } from "./format.js";
import { policyLines } from "./policy.js";
import { Plot } from "./plot.js";
import { Snippets } from "./snippets.js";
import { fill, troubleOf } from "./troubles.js";

const perSecond = (value) => `${rate(value)}/s`;

/** The charts, in their order. `ofServer` are those of all queues together. */
const PLOTS = [
  { title: "Messages", series: [{ key: "size", label: "queued", tone: "in" }], format: short },
  {
    title: "In and out",
    series: [
      { key: "in_rate", label: "in", tone: "in" },
      { key: "out_rate", label: "out", tone: "out" },
    ],
    format: perSecond,
  },
  {
    title: "Refused and lost",
    series: [
      { key: "refused_rate", label: "refused", tone: "bad" },
      { key: "dropped_rate", label: "dropped", tone: "out" },
      { key: "expired_rate", label: "expired", tone: "quiet" },
    ],
    format: perSecond,
  },
  { title: "Oldest message", series: [{ key: "oldest_age_seconds", label: "age", tone: "in" }], format: span },
  {
    title: "Enqueue takes",
    hint: "all queues of the server, without those that waited",
    series: [
      { key: "enqueue_p50", label: "p50", tone: "in" },
      { key: "enqueue_p99", label: "p99", tone: "out" },
    ],
    format: duration,
    ofServer: true,
  },
  {
    title: "Dequeue takes",
    hint: "all queues of the server, without those that waited",
    series: [
      { key: "dequeue_p50", label: "p50", tone: "in" },
      { key: "dequeue_p99", label: "p99", tone: "out" },
    ],
    format: duration,
    ofServer: true,
  },
];

export class QueuePage {
  #place = document.querySelector("#queue-page");
  #parts = {};
  #plots;
  #clients = new Clients(document.querySelector("#clients"));
  #snippets = new Snippets(document.querySelector("#snippets"));
  #window = document.querySelector("#window");
  #name = "";
  #queue = null;
  #past = null;
  #asked = -Infinity;
  #pause;

  /**
   * `act(action, queue)` is called when a button is pressed. Between two questions for what is older
   * lie `pauseSeconds`.
   */
  constructor(act, pauseSeconds) {
    this.#pause = pauseSeconds * 1000;
    for (const part of this.#place.querySelectorAll("[data-show]")) this.#parts[part.dataset.show] = part;
    this.#plots = PLOTS.map((options) => new Plot(document.querySelector("#plots"), options));
    for (const button of this.#place.querySelectorAll("[data-action]"))
      button.addEventListener("click", () => act(button.dataset.action, this.#queue ?? { name: this.#name }));
    this.#window.addEventListener("change", () => this.#draw());
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
      matchMedia(query).addEventListener("change", () => this.#plots.forEach((plot) => plot.repaint()));
  }

  /** Begin with a queue. */
  open(name) {
    this.#name = name;
    this.#queue = this.#past = null;
    this.#asked = -Infinity;
    this.#place.querySelector("h2").textContent = name;
    this.#snippets.show(name);
    this.#clients.open(name);
    this.#draw();
  }

  /** Show the present figures; `queues` are all that there are. Ask for what is older if it is time. */
  async show(queues) {
    this.#queue = queues.find(({ name }) => name === this.#name) ?? null;
    this.#place.querySelector("#unknown").hidden = this.#queue !== null;
    this.#place.querySelector("#known").hidden = this.#queue === null;
    for (const button of this.#place.querySelectorAll("[data-needs-queue]"))
      button.disabled = this.#queue === null;
    if (this.#queue) this.#write(this.#queue);
    if (performance.now() - this.#asked < this.#pause) return;
    this.#asked = performance.now();
    await Promise.all([this.#queue && this.#askPast(), this.#clients.refresh()]);
  }

  #write(queue) {
    const { figures, line } = queue;
    const { in: incoming, out: outgoing } = line.last;
    this.#place.dataset.trouble = troubleOf(queue) ?? "";
    const texts = {
      size: count(figures.size),
      capacity: `of ${count(figures.capacity)}`,
      bytes: bytes(figures.bytes),
      max_bytes: figures.max_bytes === null ? "" : `of ${bytes(figures.max_bytes)}`,
      fill: percent(fill(figures)),
      age: figures.size ? span(figures.oldest_age_seconds) : "–",
      in: perSecond(incoming),
      out: perSecond(outgoing),
      consumers: count(figures.waiting_consumers),
      producers: count(figures.waiting_producers),
      full: count(figures.queue_full_total),
      expired: count(figures.expired_total),
      dropped: count(figures.overflow_dropped_total),
      empty: count(figures.dequeue_timeout_total),
      created: new Date(figures.created_at / 1000).toLocaleString("en-GB"),
      enqueued: count(figures.enqueued_total),
      dequeued: count(figures.dequeued_total),
      purged: count(figures.purged_total),
    };
    for (const [part, text] of Object.entries(texts))
      if (this.#parts[part].textContent !== text) this.#parts[part].textContent = text;
    this.#writePolicy(figures);
  }

  #writePolicy(figures) {
    const lines = policyLines(figures);
    const list = this.#place.querySelector("#policy-lines");
    const text = JSON.stringify(lines);
    if (list.dataset.text === text) return;
    list.dataset.text = text;
    list.replaceChildren(...lines.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  }

  async #askPast() {
    const name = this.#name;
    try {
      const past = await (await request("GET", queuePath(name, "history"), { asks: false })).json();
      if (name !== this.#name) return; // another page has been opened by now
      this.#past = past;
      this.#draw();
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // it was deleted a moment ago
    }
  }

  #draw() {
    const now = this.#past?.at.at(-1) ?? Date.now() * 1000;
    const from = now / 1e6 - Number(this.#window.value);
    PLOTS.forEach(({ ofServer }, place) => {
      const { at, samples } = (ofServer ? this.#past?.server : this.#past) ?? { at: [], samples: {} };
      this.#plots[place].show(...within(at, samples, from), from);
    });
  }
}

/** The samples from a moment on. */
function within(at, samples, from) {
  const seconds = at.map((each) => each / 1e6);
  const begin = Math.max(0, seconds.findIndex((each) => each >= from));
  const columns = Object.entries(samples).map(([key, column]) => [key, column.slice(begin)]);
  return [seconds.slice(begin), Object.fromEntries(columns)];
}

function element(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function short(value) {
  return value < 10_000 ? count(Math.round(value)) : rate(value);
}
