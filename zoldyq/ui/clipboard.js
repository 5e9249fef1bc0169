// Texts that leave the page: by the clipboard, which browsers offer in two ways, or as a file.

/** Copy a text; return whether that was possible. The focus stays at `place`. */
export async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text, place); // a page without TLS has no navigator.clipboard
  }
}

/** Save a text as a file. */
export function download(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
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
