// The dashboard: asks for the figures again and again, shows them, and carries out what is clicked.
//
// `?refresh=10` in the address has it ask every ten seconds in the place of every one.

import { Actions } from "./actions.js";
import { Unreachable, forgetToken, holdsToken, onToken, request } from "./api.js";
import { Banners } from "./banners.js";
import { askForToken } from "./dialogs.js";
import { clock } from "./format.js";
import { History } from "./history.js";
import { onPlace } from "./place.js";
import { keepAsking } from "./polling.js";
import { QueuePage } from "./queuepage.js";
import { Restarts } from "./restarts.js";
import { ServerFigures } from "./server.js";
import { SettingsPage } from "./settingspage.js";
import { QueueTable } from "./table.js";
import { Totals } from "./totals.js";
import { gone, restarted, troubles, untold } from "./troubles.js";

const MOST_SECONDS = 3600;
const LEAST_SECONDS = 0.1;

const refreshSeconds = within(Number(new URLSearchParams(location.search).get("refresh")) || 1);

const find = (selector) => document.querySelector(selector);

// Between two questions for what changes slowly.
const slowSeconds = 5 * refreshSeconds;

const history = new History();
const restarts = new Restarts();
const server = new ServerFigures(slowSeconds);
const banners = new Banners();
const totals = new Totals(find("#totals"), find("#about"));
const actions = new Actions(() => askNow());
const table = new QueueTable(find("table"), find("#search"), (action, queue) =>
  actions[action](queue),
);
const queuePage = new QueuePage((action, queue) => actions[action](queue), slowSeconds);
const settingsPage = new SettingsPage();
const pages = { overview: find("#overview"), queue: find("#queue-page"), settings: find("#settings-page") };
let shown = null; // the page that is shown
let seen = null; // when the figures were last told
let restart = null; // the banner of the last restart, until it is dismissed
let mayAsk = true; // whether to ask for a token that the figures need

async function refresh() {
  try {
    const health = await (await request("GET", "health")).json();
    if (!health.queues) {
      if (!isStale()) showState(health.status);
      Object.assign(health, await figures());
    }
    noteRestart(restarts.add(health));
    await server.refresh(health.uptime_seconds);
    await show(health);
  } catch (error) {
    const isGone = error instanceof Unreachable;
    banners.show([isGone ? gone(seen) : untold(error.message, seen), ...restartBanner()]);
    document.body.classList.add("stale");
    showState(isGone ? "connection lost" : "no figures");
    if (seen) find("#about").textContent = `figures of ${clock(seen)}`;
  }
}

async function show(health) {
  const queues = history.add(health);
  const found = troubles({ health, queues, server });
  totals.show({ health, queues, history, server });
  table.show(queues, history.now);
  banners.show([...found, ...restartBanner()]);
  seen = new Date();
  document.body.classList.remove("stale");
  const needsCare = health.status === "healthy" && found.length > 0;
  showState(needsCare ? "needs attention" : health.status);
  if (shown.page === "queue") await queuePage.show(queues);
}

/** Show another page, and lead those who do not see it to its heading. */
function open(next) {
  const isFirst = shown === null;
  shown = next;
  for (const [page, element] of Object.entries(pages)) element.hidden = page !== next.page;
  document.title = next.page === "queue" ? `${next.name} – ZoldyQ` : "ZoldyQ";
  if (next.page === "queue") queuePage.open(next.name);
  if (next.page === "settings") settingsPage.open();
  if (!isFirst) pages[next.page].querySelector("h2").focus({ preventScroll: true });
  scrollTo(0, 0);
  askNow?.();
}

function within(seconds) {
  return Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, seconds));
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

function noteRestart(lost) {
  if (lost === null) return;
  history.clear();
  server.clear();
  restart = { ...restarted(lost), dismiss: () => (restart = null) };
}

const restartBanner = () => (restart ? [restart] : []);

const isStale = () => document.body.classList.contains("stale");

function showToken() {
  mayAsk = true;
  server.clear();
  find("#forget-token").hidden = !holdsToken();
}

function showState(state) {
  const chip = find("#state");
  if (chip.textContent === state) return; // a status that is written anew is read out anew
  chip.textContent = state;
  chip.dataset.state = state;
}

onToken(askForToken, showToken);
find("#forget-token").addEventListener("click", forgetToken);
for (const link of document.querySelectorAll("[data-view]"))
  link.addEventListener("click", (event) => actions.view(event, link));
find("#create").addEventListener("click", () => actions.policy());
find("#send-new").addEventListener("click", () => actions.send());
find("#empty code").textContent =
  `curl -d '{"payload": {"hello": "world"}}' ${new URL("queues/emails/enqueue", document.baseURI)}`;

let askNow = null;
onPlace(open);
askNow = keepAsking(refresh, refreshSeconds * 1000);
