// Lines to copy: how a queue is used from a shell and from Python.

import { copy } from "./clipboard.js";
import { holdsToken } from "./api.js";

const ADDRESS = new URL("..", import.meta.url).href.replace(/\/$/, "");

export class Snippets {
  #place;

  constructor(place) {
    this.#place = place;
    for (const button of place.querySelectorAll("[data-copy]"))
      button.addEventListener("click", async () => {
        const text = place.querySelector(`#${button.dataset.copy}`).textContent;
        button.textContent = (await copy(text, button)) ? "Copied" : "Not allowed";
      });
  }

  /** Write the lines for a queue. */
  show(name) {
    for (const button of this.#place.querySelectorAll("[data-copy]")) button.textContent = "Copy";
    this.#place.querySelector("#curl-lines").textContent = curl(name);
    this.#place.querySelector("#python-lines").textContent = python(name);
  }
}

function curl(name) {
  const queue = `${ADDRESS}/queues/${name}`;
  const token = holdsToken() ? ` -H "Authorization: Bearer $ZOLDYQ_TOKEN"` : "";
  return [
    `curl${token} -d '{"payload": {"hello": "world"}}' ${queue}/enqueue`,
    `curl${token} -X POST '${queue}/dequeue?timeout=30'`,
    `curl${token} '${queue}/peek?count=10'`,
  ].join("\n");
}

function python(name) {
  const token = holdsToken() ? `, token=os.environ["ZOLDYQ_TOKEN"]` : "";
  return [
    ...(token ? ["import os", ""] : []),
    "from zoldyq.client import Client",
    "",
    `with Client("${ADDRESS}"${token}) as client:`,
    `    queue = client.queue("${name}")`,
    `    queue.enqueue({"hello": "world"})`,
    "    message = queue.dequeue(timeout=30)",
  ].join("\n");
}
