// Talking to the person: dialogs, problems and short notices.

const find = (selector) => document.querySelector(selector);

for (const dialog of document.querySelectorAll("dialog"))
  dialog.querySelector("[data-close]")?.addEventListener("click", () => dialog.close());

const alertBox = find("#alert");
alertBox.querySelector("button").addEventListener("click", () => showProblem(""));

/** Show a problem above the figures, until it is dismissed or there is another; "" for none. */
export function showProblem(text) {
  alertBox.querySelector("p").textContent = text;
  alertBox.hidden = text === "";
}

const NOTICE_MS = 5000;
let noticeTimer = null;

/** Show for a moment what was done. */
export function showNotice(text) {
  clearTimeout(noticeTimer);
  find("#notice").textContent = text;
  noticeTimer = setTimeout(() => (find("#notice").textContent = ""), NOTICE_MS);
}

/** Open a dialog that ends with a choice; return whether it was made. */
function chosen(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Ask before something that cannot be undone; `verb` is what the button says. */
export function confirmed(title, text, verb) {
  const dialog = find("#confirm");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = text;
  dialog.querySelector("[value=yes]").textContent = verb;
  return chosen(dialog);
}

/** Ask for a token; return null where the person gives none. */
export async function askForToken(wasRefused) {
  const dialog = find("#token");
  const { token } = dialog.querySelector("form").elements;
  dialog.querySelector(".problem").textContent = wasRefused
    ? "The server does not know the token that was given."
    : "";
  token.value = "";
  const given = (await chosen(dialog)) ? token.value : null;
  token.value = "";
  return given;
}

/** A dialog that stays open while it is used and tells in itself how that went. */
export class Workplace {
  #dialog;

  constructor(selector, work) {
    this.#dialog = find(selector);
    this.form = this.#dialog.querySelector("form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run(work);
    });
  }

  open() {
    this.#tell("", "");
    this.#dialog.showModal();
  }

  /** Do the work, which returns what to tell the person or throws why it could not be done. */
  async run(work) {
    this.#tell("", "");
    try {
      this.#tell("", await work());
    } catch (error) {
      this.#tell(error.message, "");
    }
  }

  #tell(problem, result) {
    this.form.querySelector(".problem").textContent = problem;
    this.form.querySelector(".result").textContent = result;
  }
}
