// JSON texts as they were written: JSON.parse would round long numbers and drop repeated keys.

const TOKEN = /"(?:[^"\\]+|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The payloads in an answer to a peek, each as the text that was sent. */
export function payloadsIn(answer) {
  const payloads = [];
  let depth = 0;
  let start = null;
  let before = "";
  for (const { 0: token, index } of answer.matchAll(TOKEN)) {
    // A message lies three deep: in the answer's object, in the list, in an object of its own.
    if (depth === 3 && token === ":" && before === '"payload"') start = index + 1;
    if (depth === 3 && token === "," && start !== null) {
      payloads.push(answer.slice(start, index));
      start = null;
    }
    if (token === "{" || token === "[") depth += 1;
    if (token === "}" || token === "]") depth -= 1;
    before = token;
  }
  return payloads;
}

/** The same JSON with a line for each member. */
export function indented(json) {
  const tokens = json.match(TOKEN) ?? [];
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  const write = (token, place) => {
    const isEmpty = /[{[]/.test(tokens[place - 1] ?? "") && /[}\]]/.test(token);
    if (token === "{" || token === "[") {
      depth += 1;
      return /[}\]]/.test(tokens[place + 1]) ? token : token + line();
    }
    if (token === "}" || token === "]") {
      depth -= 1;
      return isEmpty ? token : line() + token;
    }
    if (token === ",") return token + line();
    return token === ":" ? ": " : token;
  };
  return tokens.map(write).join("");
}
