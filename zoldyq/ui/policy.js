// The policy of a queue in words, and read from what a person typed.

const UNITS = {
  bytes: [
    ["GiB", 1 << 30],
    ["MiB", 1 << 20],
    ["KiB", 1 << 10],
  ],
  seconds: [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ],
};

/** The fields of the form that may be left empty: their units and what they mean in words. */
const BOUNDS = {
  max_bytes: { units: UNITS.bytes, name: "Bytes at the most" },
  ttl_seconds: { units: UNITS.seconds, name: "Lifetime of a message" },
  idle_seconds: { units: UNITS.seconds, name: "Deleted when unused for" },
};
const OVERFLOWS = { reject: "refuses new messages", drop_oldest: "drops its oldest messages" };

/** An exact number with the largest unit that divides it, as in "1 MiB" or "90 s". */
function exact(number, units) {
  const [unit, size] = units.find(([, size]) => number % size === 0) ?? ["", 1];
  return `${number / size} ${unit}`.trim();
}

/** What beside the capacity holds for a queue, in a few words; "" if nothing does. */
export function inWords(policy) {
  const parts = [];
  if (policy.ttl_seconds !== null) parts.push(`lives ${text("ttl_seconds", policy.ttl_seconds)}`);
  if (policy.overflow === "drop_oldest") parts.push("drops oldest");
  if (policy.max_bytes !== null) parts.push(`up to ${text("max_bytes", policy.max_bytes)}`);
  if (policy.idle_seconds !== null)
    parts.push(`deleted if idle ${text("idle_seconds", policy.idle_seconds)}`);
  return parts.join(", ");
}

/** All that holds for a queue, as pairs of a name and its value in words. */
export function policyLines(policy) {
  return [
    ["Messages at the most", new Intl.NumberFormat("en").format(policy.capacity)],
    ...Object.entries(BOUNDS).map(([field, { name }]) => [name, text(field, policy[field]) || "no bound"]),
    ["When it is full, it", OVERFLOWS[policy.overflow]],
  ];
}

/** A field as the form shows it. */
export function text(field, value) {
  if (value === null) return "";
  return field in BOUNDS ? exact(value, BOUNDS[field].units) : String(value);
}

/** A field from what was typed; null for nothing. Throws what is wrong with it. */
export function value(field, typed) {
  const trimmed = typed.trim();
  if (field === "overflow") return trimmed;
  if (trimmed === "") return null;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(trimmed) ?? [];
  const units = BOUNDS[field]?.units ?? [];
  const size = unit ? units.find(([name]) => name.toLowerCase() === unit.toLowerCase())?.[1] : 1;
  if (number === undefined || size === undefined) {
    const example = units.length ? `, with a unit if wanted (${units.map(([n]) => n).join(", ")})` : "";
    throw new Error(`${trimmed} is no number${example}.`);
  }
  return Number(number) * size;
}

/** The changes from one policy to another, a line for each. */
export function differences(before, given) {
  return Object.entries(given).map(([field, next]) => {
    if (field === "overflow") return `When it is full, it ${OVERFLOWS[next]}.`;
    const [old, fresh] = [before[field], next].map((each) => text(field, each) || "no bound");
    return `${BOUNDS[field]?.name ?? "Messages at the most"}: ${fresh}, before: ${old}.`;
  });
}

/** What a change does to the messages of a queue, in words; "" if nothing. */
export function losses(figures, given) {
  const after = { ...figures, ...given };
  const parts = [];
  if (after.ttl_seconds !== null && figures.size && figures.oldest_age_seconds > after.ttl_seconds)
    parts.push("Messages that are older than the lifetime expire at once.");
  const isOver =
    figures.size > after.capacity || (after.max_bytes !== null && figures.bytes > after.max_bytes);
  if (isOver && after.overflow === "drop_oldest")
    parts.push("The oldest messages are dropped at once until the others fit.");
  if (isOver && after.overflow === "reject")
    parts.push("What is queued stays, and new messages are refused until there is room.");
  return parts.join(" ");
}
