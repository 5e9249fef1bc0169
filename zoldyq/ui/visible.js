// Text of others, in which no character hides or reorders what stands beside it.

// Format characters (the controls of writing direction among them), separators of lines, and
// controls. The two joiners stay: words of many languages, and emoji, need them.
const HIDDEN = /(?![\u200c\u200d])[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|[\x00-\x08\x0b-\x1f\x7f-\x9f]/gu;

/** The text as nodes: each hidden character is written by its code point, as in U+202E. */
export function visible(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: hidden, index } of text.matchAll(HIDDEN)) {
    nodes.push(text.slice(end, index), mark(hidden));
    end = index + hidden.length;
  }
  return [...nodes, text.slice(end)];
}

function mark(hidden) {
  const element = document.createElement("span");
  element.className = "hidden-character";
  element.textContent = `U+${hidden.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return element;
}
