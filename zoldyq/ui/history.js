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

/** What is known of one queue: the counters of the last point, the line, and recent losses. */
class Track extends Line {
  #losses;

  constructor(at, figures) {
    super();
    this.at = at;
    this.figures = figures;
    this.#losses = [lossesOf(at, figures)];
  }

  /** By how much a counter of losses has grown in the last minute. */
  lost(counter) {
    return this.#losses.at(-1)[counter] - this.#losses[0][counter];
  }

  /** Take in the present figures. */
  look(at, figures) {
    const losses = this.#losses;
    losses.push(lossesOf(at, figures));
    while (losses.length > 2 && losses[1].at < at - SECONDS) losses.shift();
    this.next(at, figures);
  }

  next(at, figures) {
    const seconds = at - this.at;
    if (seconds < SHORTEST) return;
    this.add({
      at,
      in: (figures.enqueued_total - this.figures.enqueued_total) / seconds,
      out: (figures.dequeued_total - this.figures.dequeued_total) / seconds,
    });
    this.at = at;
    this.figures = figures;
  }
}

const lossesOf = (at, figures) => ({
  at,
  refused: figures.queue_full_total,
  dropped: figures.overflow_dropped_total,
});

/** The counters of a queue that was just created. */
const NEW = {
  enqueued_total: 0,
  dequeued_total: 0,
  queue_full_total: 0,
  overflow_dropped_total: 0,
};

/** All queues and all of them together. */
export class History {
  now = null;
  total = new Line();
  #tracks = new Map();

  /** Take in an answer of /health; return what to show of each queue. */
  add(health) {
    const at = health.uptime_seconds;
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
    let track = this.#tracks.get(name);
    // A queue that was deleted and created again counts from zero.
    if (track?.figures.created_at !== figures.created_at) track = this.#newTrack(at, figures);
    track.look(at, figures);
    this.#tracks.set(name, track);
    const [refused, dropped] = [track.lost("refused"), track.lost("dropped")];
    return { name, figures, line: track, refused, dropped };
  }

  #newTrack(at, figures) {
    if (this.now === null) return new Track(at, figures);
    // It was created since the last answer, so it had counted nothing by then.
    const track = new Track(this.now, { ...NEW, created_at: figures.created_at });
    track.add({ at: this.now, in: 0, out: 0 });
    return track;
  }

  #forget(names) {
    for (const name of this.#tracks.keys()) if (!names.has(name)) this.#tracks.delete(name);
  }

  /** Forget everything, for another server. */
  clear() {
    this.now = null;
    this.total = new Line();
    this.#tracks.clear();
  }
}
