// The dashboard: asks for the figures once a second, shows them, and carries out what is clicked.

import { Actions } from "./actions.js";
import { Unreachable, forgetToken, holdsToken, onToken, request } from "./api.js";
import { askForToken, showProblem } from "./dialogs.js";
import { History } from "./history.js";
import { keepAsking } from "./polling.js";
import { QueueTable } from "./table.js";
import { Totals } from "./totals.js";

const PAUSE_MS = 1000;

const find = (selector) => document.querySelector(selector);

const past = new History();
const totals = new Totals(find("#totals"), find("#about"));
const actions = new Actions(() => askNow());
const table = new QueueTable(find("table"), find("#search"), (action, queue) =>
  actions[action](queue),
);
let failed = false;
let mayAsk = true; // whether to ask for a token that the figures need

async function refresh() {
  try {
    const health = await (await request("GET", "health")).json();
    if (!health.queues) {
      if (!failed) showState(health.status);
      Object.assign(health, await figures());
    }
    const queues = past.add(health);
    totals.show(health, queues, past);
    table.show(queues, past.now);
    if (failed) showProblem("");
    failed = false;
    showState(health.status);
  } catch (error) {
    failed = true;
    showState(error instanceof Unreachable ? "connection lost" : "no figures");
    showProblem(`${error.message} What is shown is old; trying again.`);
  }
}

/** The figures of the queues, where a token is needed for them. */
async function figures() {
  try {
    return await (await request("GET", "queues", { asks: mayAsk })).json();
  } catch (error) {
    mayAsk = false; // once a person has said no, and not again each second
    throw error;
  }
}

function showToken() {
  mayAsk = true;
  find("#forget-token").hidden = !holdsToken();
}

function showState(state) {
  const chip = find("#state");
  if (chip.textContent === state) return; // a status that is written anew is read out anew
  chip.textContent = state;
  chip.dataset.state = state;
  document.body.classList.toggle("stale", failed);
}

onToken(askForToken, showToken);
find("#forget-token").addEventListener("click", forgetToken);
find("#send-new").addEventListener("click", () => actions.send());
find("#empty code").textContent =
  `curl -d '{"payload": {"hello": "world"}}' ${new URL("queues/emails/enqueue", document.baseURI)}`;

const askNow = keepAsking(refresh, PAUSE_MS);
