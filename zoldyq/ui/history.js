// Rates, worked out from the counters of two answers, and the last minute of them.

export const SECONDS = 60;

// Two answers closer together, as after a click, would make a jagged line of a steady flow.
const SHORTEST = 0.5;

/** Points `{at, in, out}` of the last minute: when, on the server's clock, and how many a second. */
class Line {
  points = [];

  get last() {
    return this.points.at(-1) ?? { in: 0, out: 0 };
  }

  /** Whether it is too early for another point. */
  isEarly(at) {
    return this.points.length > 0 && at - this.points.at(-1).at < SHORTEST;
  }

  add(point) {
    this.points.push(point);
    // One point beyond the minute stays, for the line to begin at the edge.
    while (this.points.length > 2 && this.points[1].at < point.at - SECONDS) this.points.shift();
  }
}

/** What is known of one queue: the counters of the last point and the line. */
class Track extends Line {
  constructor(at, figures) {
    super();
    this.at = at;
    this.figures = figures;
  }

  next(at, figures) {
    const seconds = at - this.at;
    if (seconds < SHORTEST) return;
    this.add({
      at,
      in: growth(this.figures.enqueued_total, figures.enqueued_total) / seconds,
      out: growth(this.figures.dequeued_total, figures.dequeued_total) / seconds,
    });
    this.at = at;
    this.figures = figures;
  }
}

/** Counters begin at zero again where a queue was deleted and came back. */
const growth = (before, after) => (after < before ? after : after - before);

const NEW = { enqueued_total: 0, dequeued_total: 0 };

/** All queues and all of them together. */
export class History {
  now = null;
  total = new Line();
  #tracks = new Map();

  /** Take in an answer of /health; return what to show of each queue. */
  add(health) {
    const at = health.uptime_seconds;
    if (this.now !== null && at < this.now) this.#restart();
    const names = Object.keys(health.queues);
    const queues = names.map((name) => this.#addQueue(name, at, health.queues[name]));
    this.#forget(new Set(names));
    if (this.now !== null && !this.total.isEarly(at)) {
      const sum = (side) => queues.reduce((all, { line }) => all + line.last[side], 0);
      this.total.add({ at, in: sum("in"), out: sum("out") });
    }
    this.now = at;
    return queues;
  }

  #addQueue(name, at, figures) {
    const track = this.#tracks.get(name) ?? this.#newTrack(at, figures);
    track.next(at, figures);
    this.#tracks.set(name, track);
    return { name, figures, line: track };
  }

  #newTrack(at, figures) {
    if (this.now === null) return new Track(at, figures);
    // It came into being since the last answer, so that it had counted nothing by then.
    const track = new Track(this.now, NEW);
    track.add({ at: this.now, in: 0, out: 0 });
    return track;
  }

  #forget(names) {
    for (const name of this.#tracks.keys()) if (!names.has(name)) this.#tracks.delete(name);
  }

  #restart() {
    this.now = null;
    this.total = new Line();
    this.#tracks.clear();
  }
}
