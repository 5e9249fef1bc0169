#!/usr/bin/env node
// Print the messages of a queue as JSON lines, in Node.js 18 or later and without any package.
//
//   node contrib/examples/consumer.mjs emails
//   curl http://localhost:9000/queues/emails/enqueue -d '{"payload": "hello"}'
//
// Where Node.js has a WebSocket (22 or later, or with --experimental-websocket), messages are pushed
// over one; else they are fetched by long polls, as with the option --poll. Ctrl-C or SIGTERM ends it;
// polls lose nothing then.
// The server is the one of ZOLDYQ_URL, with the token of ZOLDYQ_TOKEN.

const url = (process.env.ZOLDYQ_URL ?? "http://localhost:9000").replace(/\/$/, "");
const token = process.env.ZOLDYQ_TOKEN;
const [queue = "emails"] = process.argv.slice(2).filter((each) => !each.startsWith("--"));
const polls = process.argv.includes("--poll") || globalThis.WebSocket === undefined;
// How many messages may be on their way or here without having been handled. They are lost when this
// process ends.
const CREDIT = 10;
const POLL_SECONDS = 2;
// A pause after which to try again when the server is not there, in milliseconds.
const PAUSE = 1000;

let stopping = false;
let stop = () => {};
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    stopping = true;
    stop();
  });
}

// What to do with a message. JSON.parse rounds whole numbers beyond 2 ** 53.
async function handle(payload) {
  console.log(JSON.stringify(payload));
}

async function poll() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const target = `${url}/queues/${encodeURIComponent(queue)}/dequeue?timeout=${POLL_SECONDS}`;
  while (!stopping) {
    const reply = await fetch(target, { headers });
    if (reply.status === 204) continue; // nothing came in time
    const document = await reply.json();
    if (!reply.ok) throw new Error(document.message);
    await handle(document.payload);
  }
}

function stream() {
  const target = `${url.replace(/^http/, "ws")}/queues/${encodeURIComponent(queue)}/dequeue`;
  // No header can be set here, so the token goes where browsers put it, too.
  const bearer = token ? [`bearer.${Buffer.from(token).toString("base64url")}`] : [];
  const socket = new WebSocket(`${target}?credit=${CREDIT}`, ["zoldyq", ...bearer]);
  // One after the other, although frames come whenever they like.
  let handled = Promise.resolve();
  return new Promise((resolve, reject) => {
    stop = () => socket.close();
    socket.onmessage = ({ data }) => {
      handled = handled.then(async () => {
        await handle(JSON.parse(data).payload);
        if (socket.readyState === WebSocket.OPEN) socket.send('{"credit":1}');
      });
      handled.catch(() => socket.close());
    };
    socket.onerror = () => reject(new Error(`cannot stream from ${target}`));
    socket.onclose = () => handled.then(resolve, reject);
  });
}

while (!stopping) {
  try {
    await (polls ? poll() : stream());
  } catch (error) {
    console.error(`${error.message}${error.cause ? ` (${error.cause.message})` : ""}`);
  }
  if (!stopping) await new Promise((resolve) => setTimeout(resolve, PAUSE));
}
