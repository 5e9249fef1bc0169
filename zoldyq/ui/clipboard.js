// The clipboard, which browsers offer in two ways.

/** Copy a text; return whether that was possible. The focus stays at `place`. */
export async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text, place); // a page without TLS has no navigator.clipboard
  }
}

function copyBySelection(text, place) {
  const field = document.createElement("textarea");
  field.className = "unseen";
  field.value = text;
  place.after(field); // within the dialog, for nothing else may have the focus
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  place.focus();
  return done;
}
