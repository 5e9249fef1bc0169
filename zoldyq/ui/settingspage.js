// The settings that hold. The server never tells a secret.

import { request } from "./api.js";

export class SettingsPage {
  #place = document.querySelector("#settings-page");
  #isChanged = this.#place.querySelector("[name=changed]");
  #settings = [];

  constructor() {
    this.#isChanged.addEventListener("change", () => this.#draw());
  }

  /** Ask for them, which is enough once: they do not change while the server runs. */
  async open() {
    const problem = this.#place.querySelector(".problem");
    try {
      this.#settings = (await (await request("GET", "settings")).json()).settings;
      problem.textContent = "";
    } catch (error) {
      this.#settings = [];
      problem.textContent = error.message;
    }
    this.#draw();
  }

  #draw() {
    const shown = this.#settings.filter((each) => !this.#isChanged.checked || isChanged(each));
    this.#place.querySelector("tbody").replaceChildren(...shown.map(row));
    this.#place.querySelector("table").hidden = shown.length === 0;
    const hasDefaults = this.#settings.length > 0 && shown.length === 0;
    this.#place.querySelector(".result").textContent = hasDefaults ? "Every setting has its default." : "";
  }
}

const isChanged = ({ value, default: usual }) => value !== usual;

function row(setting) {
  const { name, value, meaning, secret, default: usual } = setting;
  const element = document.createElement("tr");
  element.classList.toggle("changed", isChanged(setting));
  const heading = document.createElement("th");
  heading.scope = "row";
  heading.textContent = name;
  const texts = [secret ? "not shown" : (value ?? "none"), usual ?? "none", meaning];
  const cells = texts.map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  });
  element.append(heading, ...cells);
  return element;
}
