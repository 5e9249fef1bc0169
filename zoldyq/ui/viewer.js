// Messages as a person reads them: number, age, size, and the JSON as it was sent.

import { copy, download } from "./clipboard.js";
import { bytes, count, span } from "./format.js";
import { indented } from "./json.js";
import { visible } from "./visible.js";

// A longer text is cut, for a page with megabytes of text in it can hardly be used.
const MOST_CHARACTERS = 20_000;

/** An item of the list: message number `place` of a queue, enqueued at `at` in microseconds. */
export function messageItem({ name, place, at, now, payload }) {
  const item = document.querySelector("#peeked").content.cloneNode(true).firstElementChild;
  const when = new Date(at / 1000);
  const time = item.querySelector("time");
  time.dateTime = when.toISOString();
  time.textContent = `${span(Math.max(0, (now - when) / 1000))} old`;
  time.title = when.toLocaleString();
  item.querySelector("[data-show=place]").textContent = `#${count(place)}`;
  const size = sizeOf(payload);
  item.querySelector("[data-show=size]").textContent = bytes(size);
  const copyButton = item.querySelector("[data-copy]");
  copyButton.ariaLabel = `Copy message ${place}`;
  copyButton.addEventListener("click", async () => {
    copyButton.textContent = (await copy(payload, copyButton)) ? "Copied" : "Not allowed";
  });
  const downloadButton = item.querySelector("[data-download]");
  downloadButton.ariaLabel = `Download message ${place}`;
  downloadButton.addEventListener("click", () =>
    download(payload, `${name}-${place}.json`, "application/json"),
  );
  const expand = item.querySelector("[data-expand]");
  showText(item.querySelector("pre"), indented(payload), { size, expand });
  return item;
}

/**
 * Show a text, and cut it where it is long. `size` is that of what was sent, in bytes; `expand` a
 * button that shows the rest.
 */
export function showText(place, text, { size = sizeOf(text), expand = null } = {}) {
  const isCut = text.length > MOST_CHARACTERS;
  place.replaceChildren(...visible(isCut ? beginning(text) : text));
  if (isCut) place.append(`…\n(cut: ${bytes(size)} in all)`);
  if (!expand) return;
  expand.hidden = !isCut;
  expand.onclick = () => {
    place.replaceChildren(...visible(text));
    expand.hidden = true;
  };
}

/** The size of a text in bytes, as it is sent. */
const sizeOf = (text) => new TextEncoder().encode(text).length;

/** What is shown of a long text. No character is cut in half. */
function beginning(text) {
  const cut = text.slice(0, MOST_CHARACTERS);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}
