// What a person should know at once, worked out from the figures.

import { bytes, clock, count, counted, percent } from "./format.js";

// From which share of a limit on it is called so.
export const FULL = 0.95;
const NEARLY = 0.9;

// More names than these make a banner that is not read.
const MOST_NAMES = 3;

/** The share of a queue's nearer bound that is used, which may be above 1. */
export function fill({ utilization, bytes: held, max_bytes: most }) {
  return Math.max(utilization, most === null ? 0 : held / most);
}

/** The trouble of a queue: "refuses", "drops" or "full"; null if there is none. */
export function troubleOf({ figures, refused, dropped }) {
  if (refused > 0) return "refuses";
  if (dropped > 0) return "drops";
  return figures.overflow === "reject" && fill(figures) >= FULL ? "full" : null;
}

/**
 * The banners, worst first: `{key, level, title, text, name}`, where level is bad, warn or note, and
 * name that of the queue that it is about, if it is one.
 */
export function troubles({ health, queues, server }) {
  return [
    draining(health, queues),
    memory(server),
    refusing(queues),
    full(queues),
    dropping(queues),
    refusals(server),
  ].filter(Boolean);
}

/** The server has not answered; `seen` is when it last did, null if it never has. */
export function gone(seen) {
  const title = seen
    ? `The server has not answered since ${clock(seen)}.`
    : "The server cannot be reached.";
  const text = seen ? "The figures are of that moment. Trying again." : "Trying again.";
  return { key: "gone", level: "bad", title, text };
}

/** The server answers, but tells no figures; `reason` is why. */
export function untold(reason, seen) {
  const title = seen ? `No new figures since ${clock(seen)}.` : "No figures.";
  return { key: "untold", level: "bad", title, text: reason };
}

/** The server was restarted; see `Restarts.add`. */
export function restarted({ at, seen, messages, queues }) {
  const title = messages
    ? `Restarted at ${clock(at)}, lost ${counted(messages, "message")}.`
    : `Restarted at ${clock(at)}.`;
  const text = messages
    ? `${counted(queues, "queue")} held them at ${clock(seen)}, when the server was last seen.`
    : `No message was in its queues at ${clock(seen)}, when the server was last seen.`;
  return { key: "restarted", level: messages ? "warn" : "note", title, text };
}

function draining(health, queues) {
  if (health.status !== "draining") return null;
  const left = queues.reduce((all, { figures }) => all + figures.size, 0);
  const text = `It refuses new messages and ends soon. ${counted(left, "message")} are left to take.`;
  return { key: "draining", level: "warn", title: "The server is draining.", text };
}

function memory({ values: { bytes: held, max_bytes: most }, refused }) {
  const turnedAway = Object.fromEntries(refused).memory_limit ?? 0;
  if (!most || (held < NEARLY * most && !turnedAway)) return null;
  const use = `${bytes(held)} of ${bytes(most)}`;
  const more = "Take or purge messages, or raise max_bytes.";
  if (!turnedAway)
    return { key: "memory", level: "warn", title: `Memory is nearly used up: ${use}.`, text: more };
  const text = `${counted(turnedAway, "enqueue")} refused in the last minute. ${more}`;
  return { key: "memory", level: "bad", title: `The memory limit is reached: ${use}.`, text };
}

function refusing(queues) {
  const found = inTrouble(queues, "refuses");
  if (found.length === 0) return null;
  const refused = found.reduce((all, queue) => all + queue.refused, 0);
  const title = `${listed(found)} ${found.length === 1 ? "refuses" : "refuse"} messages.`;
  const text = `${counted(refused, "enqueue")} found no room in the last minute.`;
  return { key: "refusing", level: "bad", title, text, name: only(found) };
}

function full(queues) {
  const found = inTrouble(queues, "full");
  if (found.length === 0) return null;
  const verb = found.length === 1 ? "is" : "are";
  const fullest = percent(Math.max(...found.map(({ figures }) => fill(figures))));
  const title = `${listed(found)} ${verb} full or nearly so.`;
  const text = `${fullest} of the bound is used.`;
  return { key: "full", level: "warn", title, text, name: only(found) };
}

function dropping(queues) {
  const found = inTrouble(queues, "drops");
  if (found.length === 0) return null;
  const dropped = found.reduce((all, queue) => all + queue.dropped, 0);
  const verb = found.length === 1 ? "drops its" : "drop their";
  const title = `${listed(found)} ${verb} oldest messages.`;
  const text = `${counted(dropped, "message")} went in the last minute to make room for new ones.`;
  return { key: "dropping", level: "warn", title, text, name: only(found) };
}

function refusals({ refused }) {
  // The banners above tell of these.
  const others = refused.filter(([reason]) => !["queue_full", "memory_limit"].includes(reason));
  if (others.length === 0) return null;
  const all = others.reduce((sum, [, refusals]) => sum + refusals, 0);
  const text = others.map(([reason, refusals]) => `${reason} ${count(refusals)}`).join(", ");
  const title = `${counted(all, "request")} refused in the last minute:`;
  return { key: "refusals", level: "warn", title, text };
}

const inTrouble = (queues, kind) => queues.filter((queue) => troubleOf(queue) === kind);

/** The name of a queue that is alone; undefined for several. */
const only = (queues) => (queues.length === 1 ? queues[0].name : undefined);

function listed(queues) {
  const names = queues.map(({ name }) => name);
  if (names.length <= MOST_NAMES) return names.join(", ");
  return `${names.slice(0, MOST_NAMES).join(", ")} and ${names.length - MOST_NAMES} more`;
}
