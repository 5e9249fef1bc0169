// Requests to the server, with the token where one is needed, and refusals in words.

// Beside this folder, so that the page also works under a prefix that a proxy adds.
const BASE = new URL("..", import.meta.url);
const KEY = "zoldyq-token";
const LIMIT_MS = 10_000;

/** What the server refused; the message is the server's own text for people. */
export class Refused extends Error {}

/** No answer came. */
export class Unreachable extends Error {}

let ask = async () => null;
let tokenChanged = () => {};
let asking = null;

/** Say how a person is asked for a token, and what is done once there is another or none. */
export function onToken(askPerson, changed) {
  ask = askPerson;
  tokenChanged = changed;
  changed();
}

export const holdsToken = () => sessionStorage.getItem(KEY) !== null;

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  tokenChanged();
}

/** Send a request and return the response; where it `asks`, ask for a token as the server does. */
export async function request(method, path, { body, headers = {}, asks = true } = {}) {
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    const response = await send(method, path, body, withToken(headers, token));
    if (response.ok) return response;
    const refusal = await reason(response);
    if (response.status !== 401 || !asks || !(await newToken(token))) throw new Refused(refusal);
  }
}

/** The path of a queue, or of what can be done with it. */
export const queuePath = (name, verb = "") =>
  `queues/${encodeURIComponent(name)}${verb && `/${verb}`}`;

async function send(method, path, body, headers) {
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    return await fetch(new URL(path, BASE), { method, body, headers, signal, cache: "no-store" });
  } catch {
    throw new Unreachable("The server cannot be reached.");
  }
}

const withToken = (headers, token) =>
  token === null ? headers : { ...headers, Authorization: `Bearer ${token}` };

async function reason(response) {
  const { message } = await response.json().catch(() => ({}));
  if (!message) return `The server answered ${response.status} ${response.statusText}.`;
  return `${message[0].toUpperCase()}${message.slice(1)}.`;
}

/** Whether there is another token than the one refused. Requests of one moment ask once. */
async function newToken(refused) {
  if (sessionStorage.getItem(KEY) !== refused) return true;
  asking ??= ask(refused !== null).finally(() => (asking = null));
  const token = await asking;
  if (token === null) return false;
  sessionStorage.setItem(KEY, token);
  tokenChanged();
  return true;
}
