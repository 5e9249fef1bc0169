// What a person can do with a queue.

import { queuePath, request } from "./api.js";
import { confirmed, showNotice, showProblem, Workplace } from "./dialogs.js";
import { bytes, count, counted } from "./format.js";
import { indented, payloadsIn } from "./json.js";

// A longer payload is cut, for a page with megabytes of text in it can hardly be used.
const MOST_CHARACTERS = 20_000;

export class Actions {
  #changed;
  #sending = new Workplace("#send", () => this.#enqueue());
  #peeking = new Workplace("#peek", () => this.#look());
  #peeked = "";

  /** `changed` is called when the figures have become old by what was done. */
  constructor(changed) {
    this.#changed = changed;
  }

  send(queue) {
    const fields = this.#sending.form.elements;
    if (queue) fields.queue.value = queue.name;
    this.#sending.open();
    (queue ? fields.payload : fields.queue).focus();
  }

  peek({ name }) {
    this.#peeked = name;
    this.#peeking.form.querySelector(".name").textContent = name;
    this.#list([]);
    this.#peeking.open();
    this.#peeking.run(() => this.#look());
  }

  async purge({ name, figures }) {
    const text = `${counted(figures.size, "message")} will be lost. This cannot be undone.`;
    if (!(await confirmed(`Purge ${name}?`, text, "Purge"))) return;
    await this.#act(async () => {
      const { purged } = await (await request("POST", queuePath(name, "purge"))).json();
      return `Purged ${counted(purged, "message")} of ${name}.`;
    });
  }

  async remove({ name, figures }) {
    const lost = `${counted(figures.size, "message")} will be lost`;
    const text = `${lost}, and whoever waits for one is sent away. This cannot be undone.`;
    if (!(await confirmed(`Delete ${name}?`, text, "Delete"))) return;
    await this.#act(async () => {
      const { dropped } = await (await request("DELETE", queuePath(name))).json();
      return `Deleted ${name} with ${counted(dropped, "message")}.`;
    });
  }

  async #act(work) {
    try {
      showNotice(await work());
      showProblem("");
    } catch (error) {
      showProblem(error.message);
    }
    this.#changed();
  }

  async #enqueue() {
    const { queue, payload } = this.#sending.form.elements;
    const body = `{"payload": ${checkedJson(payload.value)}}`;
    const headers = { "Content-Type": "application/json" };
    try {
      const answer = await request("POST", queuePath(queue.value, "enqueue"), { body, headers });
      const { queue_name: name, queue_size: size } = await answer.json();
      return `Sent. ${name} now holds ${counted(size, "message")}.`;
    } finally {
      this.#changed(); // a refusal is counted as well
    }
  }

  async #look() {
    const wanted = this.#peeking.form.elements.count.value;
    const answer = await request("GET", `${queuePath(this.#peeked, "peek")}?count=${wanted}`);
    const text = await answer.text();
    const { messages, queue_size: size } = JSON.parse(text);
    const payloads = payloadsIn(text);
    this.#list(messages.map(({ enqueued_at: at }, place) => ({ at, payload: payloads[place] })));
    if (!messages.length) return "There is no message in this queue.";
    return `${count(messages.length)} of ${counted(size, "message")}, the oldest first.`;
  }

  #list(messages) {
    const list = this.#peeking.form.querySelector("ol");
    list.replaceChildren(...messages.map(messageItem));
    list.hidden = messages.length === 0;
  }
}

/** Return the text as it is; the server would take a torn one for an unknown field. */
function checkedJson(text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Error(`The payload is no JSON: ${error.message}.`);
  }
  return text;
}

function messageItem({ at, payload }) {
  const item = document.querySelector("#peeked").content.cloneNode(true).firstElementChild;
  const when = new Date(at / 1000);
  const time = item.querySelector("time");
  time.dateTime = when.toISOString();
  time.textContent = when.toLocaleString();
  item.querySelector("pre").textContent = shortened(indented(payload));
  return item;
}

function shortened(text) {
  if (text.length <= MOST_CHARACTERS) return text;
  return `${text.slice(0, MOST_CHARACTERS)}…\n(cut: ${bytes(text.length)} in all)`;
}
