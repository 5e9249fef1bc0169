// Who waits for a queue, or has a stream open.

import { queuePath, request } from "./api.js";
import { count, counted, span } from "./format.js";

const KINDS = {
  dequeue: "waits for a message",
  enqueue: "waits for room",
  stream_out: "stream of messages",
  stream_in: "stream into the queue",
};

export class Clients {
  #place;

  constructor(place) {
    this.#place = place;
  }

  /** Ask who they are, and show them. */
  async refresh(name) {
    const answer = await request("GET", queuePath(name, "clients"), { asks: false });
    const { clients, total_clients: total } = await answer.json();
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
