// Banners above the figures, for what a person should know at once.

import { addressOf } from "./place.js";

export class Banners {
  #list = document.querySelector("#banners");
  #announcer = document.querySelector("#announcer");
  #items = new Map();

  /**
   * Show these and no others: `{key, level, title, text, name, dismiss}`. `name` is the queue that
   * it leads to, if any. `dismiss` is called when the banner is closed; without it there is no
   * button.
   */
  show(banners) {
    const items = banners.map((banner) => this.#itemOf(banner));
    const fresh = banners.filter(({ key }) => !this.#items.has(key));
    // Only what is new is read out: counts change each second.
    if (fresh.length > 0) this.#announcer.textContent = fresh.map(({ title }) => title).join(" ");
    this.#items = new Map(banners.map(({ key }, place) => [key, items[place]]));
    for (const item of [...this.#list.children]) if (!items.includes(item)) item.remove();
    items.forEach((item, place) => {
      const there = this.#list.children[place];
      if (there !== item) this.#list.insertBefore(item, there ?? null);
    });
  }

  #itemOf({ key, level, title, text, name, dismiss }) {
    const item = this.#items.get(key) ?? this.#newItem(key);
    item.dataset.level = level;
    write(item.querySelector("strong"), title);
    write(item.querySelector("span"), text);
    const link = item.querySelector("a");
    link.hidden = !name;
    if (name) link.href = addressOf(name);
    const button = item.querySelector("button");
    button.hidden = !dismiss;
    button.onclick = () => {
      item.remove();
      this.#items.delete(key);
      dismiss();
    };
    return item;
  }

  #newItem(key) {
    const copy = document.querySelector("#banner").content.cloneNode(true);
    copy.firstElementChild.dataset.key = key;
    return copy.firstElementChild;
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
