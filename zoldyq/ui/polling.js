// Asking again and again, but not while nobody looks.

/**
 * Call `ask` now and `pauseMs` after each time it has ended, except while the page is hidden.
 * Returns a function that asks at once.
 */
export function keepAsking(ask, pauseMs) {
  let timer = null;
  let busy = false;
  let again = false;

  async function turn() {
    clearTimeout(timer);
    again = busy; // what is under way may have been answered before the reason to ask came up
    if (busy || document.hidden) return;
    busy = true;
    await ask();
    busy = false;
    if (again) turn();
    else timer = setTimeout(turn, pauseMs);
  }

  document.addEventListener("visibilitychange", turn);
  turn();
  return turn;
}
