// Who waits for a queue, or has a stream open.

import { Refused, queuePath, request } from "./api.js";
import { count, counted, span } from "./format.js";

const KINDS = {
  dequeue: "waits for a message",
  enqueue: "waits for room",
  stream_out: "stream of messages",
  stream_in: "stream into the queue",
};

export class Clients {
  #place;

  #name = "";
  #mayAsk = true;

  constructor(place) {
    this.#place = place;
  }

  /** Begin with a queue. */
  open(name) {
    this.#name = name;
    this.#mayAsk = true;
    this.#place.querySelector("table").hidden = true;
    this.#place.querySelector("p").textContent = "";
  }

  /** Ask who they are, and show them. */
  async refresh() {
    const name = this.#name;
    if (!this.#mayAsk) return;
    try {
      const answer = await request("GET", queuePath(name, "clients"), { asks: false });
      const found = await answer.json();
      if (name === this.#name) this.#show(found);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#mayAsk = false; // asking again would count as a refusal
      this.#place.querySelector("p").textContent = error.message;
    }
  }

  #show({ clients, total_clients: total }) {
    const rows = clients.map(({ kind, address, seconds }) => row(KINDS[kind], address, seconds));
    this.#place.querySelector("tbody").replaceChildren(...rows);
    this.#place.querySelector("table").hidden = rows.length === 0;
    const more = total > rows.length ? `, the ${count(rows.length)} that came first are shown` : "";
    const text = total ? `${counted(total, "client")}${more}.` : "No client waits, and no stream is open.";
    this.#place.querySelector("p").textContent = text;
  }
}

function row(what, address, seconds) {
  const element = document.createElement("tr");
  for (const text of [what, address ?? "not told", span(seconds)]) {
    const cell = document.createElement("td");
    cell.textContent = text;
    element.append(cell);
  }
  return element;
}
