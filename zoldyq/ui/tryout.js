// What a form of the API's page asks for, as a request and as a command of a shell.

/** Characters of an answer that are shown. */
const MOST = 100_000;

/** Return the request that a filled form stands for. */
export function requestOf(form, path, method) {
  const query = new URLSearchParams();
  let target = path;
  const headers = {};
  let body;
  for (const [name, value] of new FormData(form)) {
    const [where, parameter] = name.split(":");
    if (where === "path") target = target.replace(`{${parameter}}`, encodeURIComponent(value));
    else if (where === "query" && value !== "") query.set(parameter, value);
    else if (name === "body") body = value;
    else if (name === "Content-Type" || name === "Accept") headers[name] = value;
  }
  if (query.size) target += `?${query}`;
  return { method: method.toUpperCase(), target, headers, body };
}

/** Return the request as a line for curl. The token is not told. */
export function command({ method, headers, body }, url, withToken) {
  const words = ["curl"];
  if (method !== "GET") words.push("-X", method);
  for (const [name, value] of Object.entries(headers)) words.push("-H", quoted(`${name}: ${value}`));
  if (withToken) words.push("-H", '"Authorization: Bearer $TOKEN"');
  if (body !== undefined) words.push("--data-binary", quoted(body));
  return [...words, quoted(url.href)].join(" ");
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Return the text of an answer: JSON in lines, and no more than a page can show. */
export async function answered(response) {
  const text = await response.text();
  const type = response.headers.get("Content-Type") ?? "";
  const shown = type.startsWith("application/json") ? pretty(text) : text;
  if (shown.length <= MOST) return shown;
  return `${shown.slice(0, MOST)}\n... and ${shown.length - MOST} characters more`;
}

/** Lay JSON out, unless its numbers would change. */
function pretty(text) {
  try {
    const laidOut = JSON.stringify(JSON.parse(text), null, 2);
    const bare = (json) => json.replace(/\s/g, "");
    return bare(laidOut) === bare(text) ? laidOut : text;
  } catch {
    return text;
  }
}
