// Figures as people read them.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (number) => whole.format(number);

export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

export function rate(perSecond) {
  if (perSecond < 10) return tenths.format(perSecond);
  return perSecond < 1_000_000 ? count(Math.round(perSecond)) : short.format(perSecond);
}

export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return `${tenths.format(share < 0.1 ? share * 100 : Math.floor(share * 100))} %`;
}

export const bytes = (number) => inUnits(number, ["bytes", "KiB", "MiB", "GiB", "TiB"], 1024);

function inUnits(number, units, step) {
  let unit = 0;
  for (; number >= step && unit < units.length - 1; unit += 1) number /= step;
  return `${tenths.format(number)} ${units[unit]}`;
}

/** How long something that is quick took. */
export function duration(seconds) {
  if (seconds >= 1) return span(seconds);
  return seconds < 0.001 ? `${tenths.format(seconds * 1e6)} µs` : `${tenths.format(seconds * 1e3)} ms`;
}

const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DAY_AND_TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** When something was, with the day unless that is today. */
export function clock(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? TIME : DAY_AND_TIME).format(date);
}

const SPANS = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
];

/** A span of time in its two largest units. */
export function span(seconds) {
  if (seconds < 60) return `${tenths.format(seconds < 10 ? seconds : Math.floor(seconds))} s`;
  const at = SPANS.findIndex(([size]) => seconds >= size);
  const [size, unit] = SPANS[at];
  const [smaller, smallerUnit] = SPANS[at + 1] ?? [1, "s"];
  const rest = Math.floor((seconds % size) / smaller);
  return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${smallerUnit}` : ""}`;
}
