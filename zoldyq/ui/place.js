// Which page is shown, as the address says: the part behind # can be shared, and needs no server.

const QUEUE = /^#queues\/(.+)$/;

/** The page that the address asks for: `{page, name}`, where page is overview, queue or settings. */
export function place() {
  const found = QUEUE.exec(location.hash);
  if (found) return { page: "queue", name: decoded(found[1]) };
  return { page: location.hash === "#settings" ? "settings" : "overview", name: "" };
}

/** The address of a queue's page, within this one. */
export const addressOf = (name) => `#queues/${encodeURIComponent(name)}`;

/** Call `changed(place)` now and whenever the address changes. */
export function onPlace(changed) {
  addEventListener("hashchange", () => changed(place()));
  changed(place());
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a torn address leads to a queue that does not exist
  }
}
