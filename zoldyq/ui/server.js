// Figures of the server as a whole, which /metrics tells: its limits, and refusals by reason.

import { Refused, request } from "./api.js";
import { SECONDS } from "./history.js";

// Lines without a queue: zoldyq_max_bytes 1.073741824e+09, zoldyq_refused_total{reason="..."} 2.0
const LINE = /^zoldyq_(\w+)(?:\{reason="(\w+)"\})? ([\d.e+-]+)$/gm;

export class ServerFigures {
  /** Values by the names of their metrics, without `zoldyq_`; none where they may not be seen. */
  values = {};
  #counts = [];
  #asked = -Infinity;
  #mayAsk = true;
  #pause;

  /** They change slowly, and the text is long where there are thousands of queues. */
  constructor(pauseSeconds) {
    this.#pause = pauseSeconds;
  }

  /** Ask for them if it is time; `now` is the uptime of the server in seconds. */
  async refresh(now) {
    if (!this.#mayAsk || now - this.#asked < this.#pause) return;
    this.#asked = now;
    try {
      this.#read(await (await request("GET", "metrics", { asks: false })).text(), now);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#mayAsk = false; // the token lacks the right, and asking again would count as a refusal
      this.values = {};
    }
  }

  /** Forget what was counted, for another server or another token. */
  clear() {
    this.values = {};
    this.#counts = [];
    this.#asked = -Infinity;
    this.#mayAsk = true;
  }

  /** How many requests were refused in the last minute, as pairs of reason and count. */
  get refused() {
    if (this.#counts.length < 2) return [];
    const [first, last] = [this.#counts[0].refused, this.#counts.at(-1).refused];
    return Object.entries(last)
      .map(([reason, count]) => [reason, count - (first[reason] ?? 0)])
      .filter(([, count]) => count > 0)
      .sort(([, one], [, other]) => other - one);
  }

  #read(text, at) {
    const refused = {};
    for (const [, name, reason, value] of text.matchAll(LINE)) {
      if (name === "refused_total") refused[reason] = Number(value);
      else if (!reason) this.values[name] = Number(value);
    }
    this.#counts.push({ at, refused });
    while (this.#counts.length > 2 && this.#counts[1].at < at - SECONDS) this.#counts.shift();
  }
}
