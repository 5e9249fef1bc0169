// A chart with axes, units and values under the pointer, drawn by uPlot.

/* global uPlot */

const HEIGHT = 190;
const LEAST_SPAN = 60; // seconds
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const CLOCK_SECONDS = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

// All charts of the page show the same moment under the pointer.
const TOGETHER = uPlot.sync("queue");

// Steps that people count in, from a microsecond on.
const STEPS = Array.from({ length: 20 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** (power - 6))).flat();

// Lines differ by more than their colours.
const DASHES = { in: [], out: [6, 3], bad: [], quiet: [2, 3] };

export class Plot {
  #figure;
  #series;
  #format;
  #plot = null;
  #rem = 0; // the size of the page's texts that it was drawn for
  #data;

  /**
   * Draw into a copy of the template. `series` are `{key, label, tone}`, where key is a column of
   * the history and tone one of in, out, bad and quiet; `format` writes a value with its unit.
   */
  constructor(place, { title, hint = "", series, format }) {
    this.#series = series;
    this.#format = format;
    const copy = document.querySelector("#plot").content.cloneNode(true);
    this.#figure = copy.firstElementChild;
    this.#figure.querySelector("h3").textContent = title;
    this.#figure.querySelector("small").textContent = hint;
    const legend = this.#figure.querySelector("dl");
    for (const { label, tone } of series) legend.append(legendItem(label, tone));
    this.#data = [[], ...series.map(() => [])];
    place.append(copy);
    const canvas = this.#figure.querySelector("[data-plot]");
    new ResizeObserver(() => this.#resize(canvas.clientWidth)).observe(canvas);
  }

  /** Show the columns `at` (seconds since the epoch) and those of the series, from `from` on. */
  show(at, columns, from) {
    this.#data = [at, ...this.#series.map(({ key }) => columns[key] ?? at.map(() => null))];
    this.#from = from;
    this.#plot?.setData(this.#data);
    this.#tell(null);
  }

  #from = 0;

  /** Draw anew, as the colours are others. */
  repaint() {
    const place = this.#figure.querySelector("[data-plot]");
    this.#rem = 0;
    this.#resize(place.clientWidth);
  }

  #resize(width) {
    if (width === 0) return; // the page is not shown
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    if (rem === this.#rem) {
      this.#plot.setSize({ width, height: HEIGHT });
      return;
    }
    this.#rem = rem; // the texts have another size as well
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(width), this.#data, this.#figure.querySelector("[data-plot]"));
  }

  #options(width) {
    const rem = this.#rem;
    const font = `${Math.round(0.8 * rem)}px system-ui, sans-serif`;
    const axis = { font, stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    return {
      width,
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, sync: { key: TOGETHER.key }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: () => this.#span() },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
      },
      axes: [
        { ...axis, size: 1.9 * rem, space: 5.5 * rem, values: (_, times) => clocks(times) },
        { ...axis, size: 4.2 * rem, space: 2.4 * rem, incrs: STEPS, values: (_, values) => values.map(this.#format) },
      ],
      series: [{}, ...this.#series.map(({ label, tone }) => line(label, tone))],
      hooks: { setCursor: [({ cursor }) => this.#tell(cursor.idx)] },
    };
  }

  /** From when to when: what was asked for, or what there is if that is less. */
  #span() {
    const [first, last] = [this.#data[0][0] ?? this.#from, this.#data[0].at(-1) ?? this.#from];
    const end = Math.max(last, this.#from + LEAST_SPAN);
    return [Math.min(Math.max(this.#from, first), end - LEAST_SPAN), end];
  }

  /** Write the values at one moment, or the last ones, beside their names. */
  #tell(index) {
    const [at, ...columns] = this.#data;
    const place = index ?? at.length - 1;
    const values = columns.map((column) => column[place] ?? null);
    const texts = values.map((value) => (value === null ? "–" : this.#format(value)));
    const when = index === null || place === at.length - 1 ? "now" : CLOCK_SECONDS.format(at[place] * 1000);
    this.#figure.querySelectorAll("dd").forEach((element, each) => (element.textContent = texts[each]));
    this.#figure.querySelector("time").textContent = at.length ? when : "";
    if (index === null) this.#describe(texts, columns);
  }

  /** Say in words what is drawn, for those who do not see it. */
  #describe(texts, columns) {
    const title = this.#figure.querySelector("h3").textContent;
    const parts = this.#series.map(({ label }, each) => {
      const known = columns[each].filter((value) => value !== null);
      const most = known.length ? this.#format(Math.max(...known)) : "–";
      return `${label} ${texts[each]}, at the most ${most}`;
    });
    this.#figure.querySelector("[data-plot]").ariaLabel = `${title}: ${parts.join("; ")}`;
  }
}

function clocks(times) {
  const format = times.length > 1 && times[1] - times[0] < 60 ? CLOCK_SECONDS : CLOCK;
  return times.map((time) => format.format(time * 1000));
}

function line(label, tone) {
  return {
    label,
    stroke: colour(`--${tone}`),
    fill: tone === "in" ? colour("--in-area") : undefined,
    width: 1.75,
    dash: DASHES[tone],
    points: { size: 5, fill: colour(`--${tone}`) },
  };
}

function legendItem(label, tone) {
  const item = document.createElement("div");
  item.dataset.tone = tone;
  const [term, value] = ["dt", "dd"].map((name) => document.createElement(name));
  term.textContent = label;
  value.textContent = "–";
  item.append(term, value);
  return item;
}

/** A colour of the style sheet as a canvas takes it, also where the system chooses the colours. */
function colour(name) {
  const probe = document.querySelector("#colour");
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}
