// Whether the server was restarted between two answers, and what was lost by that.

export class Restarts {
  #last = null;

  /**
   * Take in an answer. Return null, or what a restart before it has lost: `{at, seen, messages,
   * queues}`, when the server began and when it was last seen before, as dates, and two counts.
   * With queues in Redis nothing is lost, and another server may have answered.
   */
  add(health) {
    const last = this.#last;
    this.#last = { health, clock: performance.now(), seen: new Date() };
    if (last === null || health.backend?.kind === "redis" || !isAnotherServer(last, this.#last)) return null;
    const lost = emptied(last.health.queues, health.queues);
    const messages = lost.reduce((all, { size }) => all + size, 0);
    const at = new Date(Date.now() - health.uptime_seconds * 1000);
    return { at, seen: last.seen, messages, queues: lost.length };
  }
}

function isAnotherServer(before, now) {
  const uptime = now.health.uptime_seconds;
  if (uptime < before.health.uptime_seconds) return true;
  // A server that began after the last answer may by now have run for longer than the one before.
  // A machine that sleeps stops the server's clock as well, but keeps its queues.
  const passed = (now.clock - before.clock) / 1000;
  const queues = Object.keys(before.health.queues).length;
  const gone = emptied(before.health.queues, now.health.queues, () => true).length;
  return uptime < passed && queues > 0 && gone === queues;
}

/** The figures of the queues that held messages and are no longer the same queues. */
function emptied(before, now, counts = ({ size }) => size > 0) {
  return Object.entries(before)
    .filter(([name, { created_at: created }]) => now[name]?.created_at !== created)
    .map(([, figures]) => figures)
    .filter(counts);
}
