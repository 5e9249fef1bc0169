// The table of queues: searched, sorted, and written anew with every answer.

import { RowMenu } from "./menu.js";
import { Row } from "./row.js";
import { count, counted } from "./format.js";
import { fill, troubleOf } from "./troubles.js";

// More rows than anybody reads would only make the page slow.
const MOST_ROWS = 200;

/** What each column is sorted by. */
const KEYS = {
  name: ({ name }) => name,
  size: ({ figures }) => figures.size,
  utilization: ({ figures }) => fill(figures),
  in: ({ line }) => line.last.in,
  out: ({ line }) => line.last.out,
  waiting: ({ figures }) => figures.waiting_consumers,
  full: ({ figures }) => figures.queue_full_total,
  expired: ({ figures }) => figures.expired_total,
  dropped: ({ figures }) => figures.overflow_dropped_total,
  age: ({ figures }) => figures.oldest_age_seconds,
};

const byName = new Intl.Collator("en", { numeric: true }).compare;

export class QueueTable {
  #body;
  #headings;
  #search;
  #refuge;
  #view = document.querySelector("#trouble");
  #menu;
  #rows = new Map();
  #queues = [];
  #now = 0;
  #key = "name";
  #descending = false;

  /** `act(action, queue)` is called when something is chosen in the menu of a row. */
  constructor(table, search, act) {
    this.#body = table.tBodies[0];
    this.#headings = table.querySelectorAll("[data-sort]");
    this.#search = search;
    this.#refuge = document.querySelector("#queues-title"); // where the focus of a lost row goes
    this.#menu = new RowMenu((action, button) => {
      const row = [...this.#rows.values()].find(({ element }) => element.contains(button));
      if (row) act(action, row.queue);
    });
    search.addEventListener("input", () => this.#arrange());
    this.#view.addEventListener("change", () => this.#arrange());
    for (const heading of this.#headings)
      heading.firstChild.addEventListener("click", () => this.#sortBy(heading.dataset.sort));
  }

  show(queues, now) {
    this.#queues = queues;
    this.#now = now;
    this.#arrange(this.#isInUse());
  }

  /** Rows must not jump away under a pointer, nor from under the keyboard. */
  #isInUse() {
    return this.#body.matches(":hover, :has(:focus-visible, [aria-expanded=true])");
  }

  #sortBy(key) {
    // Names are looked up from A on, figures from the largest on.
    this.#descending = key === this.#key ? !this.#descending : key !== "name";
    this.#key = key;
    for (const heading of this.#headings) {
      if (heading.dataset.sort !== key) heading.removeAttribute("aria-sort");
      else heading.ariaSort = this.#descending ? "descending" : "ascending";
    }
    this.#arrange();
  }

  #arrange(keepOrder = false) {
    const wanted = this.#search.value.trim().toLowerCase();
    const isOnly = this.#view.value === "only";
    const found = this.#queues.filter(
      (queue) => queue.name.toLowerCase().includes(wanted) && (!isOnly || troubleOf(queue)),
    );
    const shown = found.sort(keepOrder ? this.#asShown() : this.#asSorted()).slice(0, MOST_ROWS);
    this.#place(shown.map((queue) => this.#rowOf(queue)));
    this.#explain(found.length, shown.length);
  }

  /** The order of the heading that was chosen; queues in trouble come first if that is wanted. */
  #asSorted() {
    const order = this.#byHeading();
    if (this.#view.value !== "first") return order;
    const rank = (queue) => (troubleOf(queue) ? 0 : 1);
    return (a, b) => rank(a) - rank(b) || order(a, b);
  }

  #byHeading() {
    const key = KEYS[this.#key];
    const sign = this.#descending ? -1 : 1;
    if (this.#key === "name") return (a, b) => sign * byName(a.name, b.name);
    return (a, b) => sign * (key(a) - key(b)) || byName(a.name, b.name);
  }

  #asShown() {
    const places = new Map([...this.#rows.keys()].map((name, place) => [name, place]));
    const place = ({ name }) => places.get(name) ?? places.size;
    return (a, b) => place(a) - place(b) || byName(a.name, b.name);
  }

  #rowOf(queue) {
    const row = this.#rows.get(queue.name) ?? new Row(queue.name, this.#menu);
    row.show(queue, this.#now);
    return row;
  }

  /** Put rows in this order. Only those out of place are moved: moving one takes its focus. */
  #place(rows) {
    const kept = new Set(rows.map(({ element }) => element));
    for (const element of [...this.#body.rows]) if (!kept.has(element)) element.remove();
    const focused = document.activeElement;
    rows.forEach(({ element }, place) => {
      const there = this.#body.rows[place];
      if (there !== element) this.#body.insertBefore(element, there ?? null);
    });
    if (focused !== document.activeElement)
      (focused.isConnected ? focused : this.#refuge).focus({ preventScroll: true });
    this.#rows = new Map(rows.map((row) => [row.name, row]));
  }

  #explain(found, shown) {
    const all = this.#queues.length;
    let text = found < all ? `${count(found)} of ${counted(all, "queue")}` : counted(all, "queue");
    if (shown < found) text += `, the first ${count(shown)} shown: search for the others`;
    write("#count", text);
    document.querySelector("#empty").hidden = all > 0;
    document.querySelector("#no-match").hidden = all === 0 || found > 0;
    this.#body.parentElement.hidden = found === 0;
  }
}

/** Write only what changed, for a status that is written anew is read out anew. */
function write(selector, text) {
  const element = document.querySelector(selector);
  if (element.textContent !== text) element.textContent = text;
}
