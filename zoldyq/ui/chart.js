// A small chart of the last minute: what went in as an area, what went out as a line over it.

import { SECONDS } from "./history.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 30;

export class Chart {
  #area = shape("area");
  #incoming = shape("incoming");
  #outgoing = shape("outgoing");

  constructor(place) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true"); // the figures beside it say the same in words
    svg.append(this.#area, this.#incoming, this.#outgoing);
    place.append(svg);
  }

  show(points, now) {
    const lines = points.length > 0 ? paths(points, now) : { area: "", incoming: "", outgoing: "" };
    this.#area.setAttribute("d", lines.area);
    this.#incoming.setAttribute("d", lines.incoming);
    this.#outgoing.setAttribute("d", lines.outgoing);
  }
}

function paths(points, now) {
  const top = Math.max(1, ...points.map((point) => Math.max(point.in, point.out)));
  const line = (side) => points.map((point) => position(point, side, now, top)).join("L");
  const [first, last] = [points[0], points.at(-1)].map((point) => `${x(point, now)},${HEIGHT}`);
  return {
    area: `M${first}L${line("in")}L${last}Z`,
    incoming: `M${line("in")}`,
    outgoing: `M${line("out")}`,
  };
}

function shape(name) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", name);
  path.setAttribute("vector-effect", "non-scaling-stroke");
  return path;
}

const x = (point, now) => round(WIDTH * (1 - (now - point.at) / SECONDS));

/** Where a point lies, a stroke's width away from the upper and the lower edge. */
function position(point, side, now, top) {
  return `${x(point, now)},${round(HEIGHT - 1 - (point[side] / top) * (HEIGHT - 3))}`;
}

const round = (number) => Math.round(number * 10) / 10;
