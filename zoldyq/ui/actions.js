// What a person can do with a queue.

import { queuePath, request } from "./api.js";
import { download } from "./clipboard.js";
import { confirmed, showNotice, showProblem, Workplace } from "./dialogs.js";
import { Declaration } from "./declare.js";
import { count, counted } from "./format.js";
import { indented, payloadsIn } from "./json.js";
import { messageItem, showText } from "./viewer.js";

export class Actions {
  #changed;
  #sending = new Workplace("#send", () => this.#enqueue());
  #peeking = new Workplace("#peek", () => this.#look());
  #moving = new Workplace("#move", () => this.#move());
  #viewing = new Workplace("#view", () => this.#read());
  #declaring;
  #moved = "";
  #peeked = "";
  #messages = []; // those that are shown: `{item, payload}`
  #viewed = "";

  /** `changed` is called when the figures have become old by what was done. */
  constructor(changed) {
    this.#changed = changed;
    this.#declaring = new Declaration(changed);
    const { search, download: button } = this.#peeking.form.elements;
    search.addEventListener("input", () => this.#search());
    button.addEventListener("click", () => this.#download());
  }

  send(queue) {
    const fields = this.#sending.form.elements;
    if (queue) fields.queue.value = queue.name;
    this.#sending.open();
    (queue ? fields.payload : fields.queue).focus();
  }

  /** Show the policy of a queue, to change it; without a queue, create one. */
  policy(queue) {
    this.#declaring.open(queue);
  }

  peek({ name }) {
    this.#peeked = name;
    this.#peeking.form.querySelector(".name").textContent = name;
    this.#list([]);
    this.#peeking.form.elements.search.value = "";
    this.#peeking.open();
    this.#peeking.run(() => this.#look());
  }

  move({ name }) {
    this.#moved = name;
    this.#moving.form.reset();
    this.#moving.form.querySelector(".name").textContent = name;
    this.#moving.open();
    this.#moving.form.elements.to.focus();
  }

  /** Show what a link leads to. A browser that follows it would send no token. */
  view(event, link) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#viewed = link.getAttribute("href");
    this.#viewing.form.querySelector("h2").textContent = link.textContent;
    this.#viewing.form.querySelector("pre").replaceChildren();
    this.#viewing.open();
    this.#viewing.run(() => this.#read());
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
    const text = `${lost}, and the consumers that wait are sent away. This cannot be undone.`;
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

  async #move() {
    const { to, count: most } = this.#moving.form.elements;
    const wanted = new URLSearchParams({ to: to.value, ...(most.value && { count: most.value }) });
    try {
      const answer = await request("POST", `${queuePath(this.#moved, "move")}?${wanted}`);
      const { moved, left } = await answer.json();
      return `Moved ${counted(moved, "message")} to ${to.value}; ${count(left)} left in ${this.#moved}.`;
    } finally {
      this.#changed();
    }
  }

  async #look() {
    const wanted = this.#peeking.form.elements.count.value;
    const answer = await request("GET", `${queuePath(this.#peeked, "peek")}?count=${wanted}`);
    const text = await answer.text();
    const { messages, queue_size: size } = JSON.parse(text);
    const payloads = payloadsIn(text);
    const now = new Date(answer.headers.get("Date") ?? Date.now()); // by the server's clock
    this.#list(
      messages.map(({ enqueued_at: at }, index) => {
        const payload = payloads[index].trim();
        return { payload, item: messageItem({ name: this.#peeked, place: index + 1, at, now, payload }) };
      }),
    );
    this.#search();
    if (!messages.length) return "There is no message in this queue.";
    return `${count(messages.length)} of ${counted(size, "message")}, the oldest first.`;
  }

  #list(messages) {
    this.#messages = messages;
    const list = this.#peeking.form.querySelector("ol");
    list.replaceChildren(...messages.map(({ item }) => item));
    list.hidden = messages.length === 0;
    const { search, download: button } = this.#peeking.form.elements;
    search.hidden = button.hidden = messages.length === 0;
  }

  /** Show only the messages that hold what is searched for. */
  #search() {
    const wanted = this.#peeking.form.elements.search.value.trim().toLowerCase();
    for (const { item, payload } of this.#messages) item.hidden = !payload.toLowerCase().includes(wanted);
    const found = this.#messages.filter(({ item }) => !item.hidden).length;
    const text = wanted ? `${count(found)} of these ${count(this.#messages.length)} fit the search.` : "";
    this.#peeking.form.querySelector("[data-found]").textContent = text;
  }

  /** Save the messages that are shown, one a line, as they can be sent again. */
  #download() {
    const shown = this.#messages.filter(({ item }) => !item.hidden);
    const lines = shown.map(({ payload }) => `${payload.replaceAll(/[\r\n]/g, "")}\n`);
    download(lines.join(""), `${this.#peeked}.ndjson`, "application/x-ndjson");
  }

  async #read() {
    const answer = await request("GET", this.#viewed);
    const isJson = answer.headers.get("Content-Type").startsWith("application/json");
    const text = await answer.text();
    showText(this.#viewing.form.querySelector("pre"), isJson ? indented(text) : text);
    return "";
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
