// The page of the API: what openapi.json says of each request, and a form that sends it.

import { answered, command, requestOf } from "./tryout.js";

// Beside this folder, so that the page also works under a prefix that a proxy adds.
const BASE = new URL("..", import.meta.url);
const place = (id) => document.getElementById(id);

/** Make an element; what is between backticks in its text is code. */
function make(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  for (const [number, part] of text.split("`").entries()) {
    if (number % 2) made.append(make("code", part));
    else made.append(part);
  }
  return made;
}

function add(parent, ...children) {
  parent.append(...children);
  return parent;
}

// -- a request -------------------------------------------------------------------------------

function operation(path, method, told, shared) {
  const summary = make("summary");
  summary.append(make("b", method.toUpperCase()), " ", make("code", path), ` ${told.summary}`);
  const inside = make("div");
  inside.append(form(path, method, told, shared), answers(told.responses));
  return add(make("details", "", { id: told.operationId }), summary, inside);
}

function form(path, method, told, shared) {
  const made = make("form", "", { autocomplete: "off" });
  const fields = make("div", "", { class: "fields" });
  for (const parameter of [...shared, ...(told.parameters ?? [])]) {
    fields.append(...parameterField(told.operationId, parameter));
  }
  const body = told.requestBody?.content;
  if (body) fields.append(...bodyFields(told.operationId, body));
  const kinds = Object.keys(told.responses["200"]?.content ?? {});
  if (kinds.length > 1) fields.append(...choice(`${told.operationId}-accept`, "Accept", kinds));
  const button = make("button", "Send", { class: "main" });
  const shown = make("div", "", { "aria-live": "polite" });
  made.append(fields, button, shown);
  let stop = null;
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (stop) return stop.abort();
    stop = new AbortController();
    button.textContent = "Stop";
    await send(requestOf(made, path, method), shown, stop.signal);
    button.textContent = "Send";
    stop = null;
  });
  return made;
}

function parameterField(operationId, { name, in: where, required, schema, description, example }) {
  const id = `${operationId}-${name}`;
  const numeric = schema.type === "number" || schema.type === "integer";
  const input = make("input", "", { id, name: `${where}:${name}`, "aria-describedby": `${id}-hint` });
  if (required) input.required = true;
  if (numeric) input.inputMode = "decimal";
  if (required && example !== undefined) input.value = example;
  const label = make("label", required ? `${name} (required)` : name, { for: id });
  return [label, input, make("span", hint(description, schema), { id: `${id}-hint`, class: "hint" })];
}

const hint = (description, { minimum, maximum }) =>
  [description, maximum !== undefined && `${minimum ?? 0} to ${maximum}`].filter(Boolean).join("; ");

function bodyFields(operationId, content) {
  const kinds = Object.keys(content);
  const id = `${operationId}-body`;
  const text = make("textarea", "", { id, name: "body", rows: "4", spellcheck: "false" });
  const example = (kind) => {
    const { example: value = "" } = content[kind];
    return typeof value === "string" ? value : JSON.stringify(value);
  };
  text.value = example(kinds[0]);
  const type = choice(`${operationId}-type`, "Content-Type", kinds);
  type[1].addEventListener("change", () => (text.value = example(type[1].value)));
  return [...type, make("label", "Body", { for: id }), text];
}

function choice(id, name, values) {
  const select = make("select", "", { id, name });
  for (const value of values) select.append(make("option", value));
  return [make("label", name, { for: id }), select, make("span")];
}

async function send(request, shown, signal) {
  const token = place("api-token").value.trim();
  const headers = { ...request.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const url = new URL(request.target.slice(1), BASE);
  shown.replaceChildren(region("As a command", command(request, url, token !== "")));
  const began = performance.now();
  try {
    const { method, body } = request;
    const response = await fetch(url, { method, body, headers, signal, cache: "no-store" });
    const text = await answered(response);
    const milliseconds = Math.round(performance.now() - began);
    shown.append(make("p", `${response.status} ${response.statusText}, after ${milliseconds} ms`));
    if (text) shown.append(region("Answer", text));
  } catch {
    const why = signal.aborted ? "Stopped." : "The server cannot be reached.";
    shown.append(make("p", why));
  }
}

function region(name, text) {
  const pre = make("pre", "", { tabindex: "0", role: "region", "aria-label": name });
  pre.textContent = text;
  return pre;
}

function answers(responses) {
  const rows = Object.entries(responses).map(([status, { description, content }]) => {
    const schema = Object.values(content ?? {})[0]?.schema?.$ref?.split("/").pop();
    const row = make("tr");
    row.append(make("th", status, { scope: "row" }), make("td", description), make("td"));
    if (schema) row.lastChild.append(make("a", schema, { href: `#document-${schema}` }));
    return row;
  });
  return add(make("table"), make("caption", "Answers"), add(make("tbody"), ...rows));
}

// -- documents ---------------------------------------------------------------------------------

function schemaOf(name, schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([field, told]) => {
    const row = make("tr");
    row.append(make("th", field, { scope: "row" }), make("td", kindOf(told)));
    return add(row, make("td", told.description ?? ""));
  });
  const inside = make("div");
  if (schema.description) inside.append(make("p", schema.description));
  if (schema.oneOf) inside.append(make("p", `One of: ${schema.oneOf.map(kindOf).join(", ")}`));
  if (rows.length) inside.append(add(make("table"), add(make("tbody"), ...rows)));
  return add(make("details", "", { id: `document-${name}` }), make("summary", name), inside);
}

function kindOf({ $ref, type, anyOf, items, enum: values, properties }) {
  if ($ref) return $ref.split("/").pop();
  if (anyOf) return anyOf.map(kindOf).join(" or ");
  if (values) return values.join(" or ");
  if (items) return `array of ${kindOf(items)}`;
  if (properties) return `object with ${Object.keys(properties).join(", ")}`;
  return [type ?? "any"].flat().join(" or ");
}

// -- the page ------------------------------------------------------------------------------------

function show({ info, tags, paths, components }) {
  place("about").textContent = info.version;
  const paragraphs = info.description.trim().split("\n\n");
  place("introduction").append(...paragraphs.map((text) => make("p", text)));
  const every = Object.entries(paths).flatMap(([path, { parameters = [], ...methods }]) =>
    Object.entries(methods).map(([method, told]) => ({ path, method, told, parameters })));
  for (const { name, description } of tags) {
    const section = make("section", "", { "aria-label": name });
    section.append(make("h2", name), make("p", description));
    for (const { path, method, told, parameters } of every) {
      if (told.tags.includes(name)) section.append(operation(path, method, told, parameters));
    }
    place("operations").append(section);
  }
  for (const [name, schema] of Object.entries(components.schemas)) {
    place("documents").append(schemaOf(name, schema));
  }
  place("documents").hidden = false;
}

/** Open what the address names: an operation or a document. */
function openNamed() {
  const named = location.hash && place(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
}

try {
  const response = await fetch(new URL("openapi.json", BASE));
  show(await response.json());
  addEventListener("hashchange", openNamed);
  openNamed();
} catch {
  place("failure").textContent = "The description of the API cannot be read: load the page again.";
  place("failure").hidden = false;
}
