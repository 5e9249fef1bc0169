// The menu of a row: one for all, opened beside the button that was pressed.

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

export class RowMenu {
  #menu = document.querySelector("#row-menu");
  #items = [...this.#menu.querySelectorAll("[role=menuitem]")];
  #button = null;
  #act;

  /** `act(action, button)` is called when an item is chosen. */
  constructor(act) {
    this.#act = act;
    this.#menu.addEventListener("keydown", (event) => this.#onKey(event));
    this.#menu.addEventListener("toggle", ({ newState }) => this.#onToggle(newState === "open"));
    addEventListener("resize", () => this.#menu.hidePopover());
    for (const item of this.#items) item.addEventListener("click", () => this.#choose(item));
  }

  /** Make a button open the menu. */
  serve(button) {
    button.popoverTargetElement = this.#menu;
    button.addEventListener("click", () => (this.#button = button));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      button.click();
    });
  }

  #onToggle(isOpen) {
    this.#button.ariaExpanded = isOpen;
    if (!isOpen) return;
    this.#place();
    this.#items[0].focus({ preventScroll: true });
  }

  /** Put it below the button, or above where there is no room, with its right edge. */
  #place() {
    const { top, bottom, right } = this.#button.getBoundingClientRect();
    const { offsetHeight: height, offsetWidth: width, style } = this.#menu;
    const y = bottom + height > innerHeight ? Math.max(0, top - height) : bottom;
    style.left = `${Math.max(0, right - width) + scrollX}px`;
    style.top = `${y + scrollY}px`;
  }

  #onKey(event) {
    const place = this.#items.indexOf(document.activeElement);
    const count = this.#items.length;
    if (event.key in STEPS) this.#items[(place + STEPS[event.key] + count) % count].focus();
    else if (event.key === "Home") this.#items[0].focus();
    else if (event.key === "End") this.#items.at(-1).focus();
    else if (event.key === "Tab") this.#menu.hidePopover();
    else return;
    if (event.key !== "Tab") event.preventDefault();
  }

  #choose(item) {
    const button = this.#button;
    this.#menu.hidePopover();
    button.focus({ preventScroll: true }); // a dialog returns the focus to it
    this.#act(item.dataset.action, button);
  }
}
