// The form in which queues are created and their policies changed.

import { queuePath, request } from "./api.js";
import { Workplace, confirmed } from "./dialogs.js";
import { differences, losses, text, value } from "./policy.js";

const FIELDS = ["capacity", "max_bytes", "ttl_seconds", "overflow", "idle_seconds"];
const HEADERS = { "Content-Type": "application/json" };

export class Declaration {
  #workplace = new Workplace("#policy", () => this.#submit());
  #fields = this.#workplace.form.elements;
  #queue = null;
  #changed;

  /** `changed` is called when a queue was created or changed. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Open the form for a queue, or for a new one. */
  open(queue = null) {
    this.#queue = queue;
    const form = this.#workplace.form;
    form.reset();
    for (const field of FIELDS) if (queue) this.#fields[field].value = text(field, queue.figures[field]);
    form.querySelector("h2").textContent = queue ? `Policy of ${queue.name}` : "Create a queue";
    form.querySelector(".hint").textContent = queue
      ? "An empty field means that there is no bound."
      : "An empty field gets the default of the server.";
    form.querySelector("[type=submit]").textContent = queue ? "Change" : "Create";
    this.#fields.name.closest("label").hidden = queue !== null;
    this.#fields.name.required = queue === null;
    this.#fields.capacity.required = queue !== null;
    form.querySelector("[value='']").hidden = queue !== null;
    this.#workplace.open();
    (queue ? this.#fields.capacity : this.#fields.name).focus();
  }

  #typed() {
    return Object.fromEntries(FIELDS.map((field) => [field, value(field, this.#fields[field].value)]));
  }

  #submit() {
    return this.#queue ? this.#update(this.#queue) : this.#create();
  }

  async #create() {
    const name = this.#fields.name.value;
    const given = Object.entries(this.#typed()).filter(([, each]) => each !== null && each !== "");
    const body = JSON.stringify(Object.fromEntries(given));
    const answer = await request("PUT", queuePath(name), { body, headers: HEADERS });
    const { created } = await answer.json();
    this.#changed();
    return created ? `${name} is created.` : `${name} exists already, with this policy.`;
  }

  async #update({ name, figures }) {
    const typed = Object.entries(this.#typed());
    const given = Object.fromEntries(typed.filter(([field, each]) => each !== figures[field]));
    const lines = differences(figures, given);
    if (lines.length === 0) return "Nothing is changed.";
    const question = [...lines, losses(figures, given)].join("\n").trim();
    if (!(await confirmed(`Change the policy of ${name}?`, question, "Change"))) return "";
    const body = JSON.stringify(given);
    const answer = await request("PATCH", queuePath(name), { body, headers: HEADERS });
    const policy = await answer.json();
    this.#queue = { name, figures: { ...figures, ...policy } };
    this.#changed();
    return `The policy of ${name} is changed.`;
  }
}
