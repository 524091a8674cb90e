// What is asked, and its address: a link restores all of it but files, which no link can hold.

import { NAMES } from "./kinds.js";

/** Parts with files, of this visit, by key, so that going back finds them. */
const filed = new Map();
let keys = 0;

/**
 * A part is `{key, kind, weight, name}` and, by its kind: `text`; `id` of an item; `file` with
 * `modality`, null when the server is to decide. A negative weight moves away from the part.
 */
export function newPart(kind, given) {
  keys += 1;
  const part = { key: `p${keys}`, kind, weight: 1, ...given };
  if (kind === "file") filed.set(part.key, part);
  return part;
}

/** What the hits may also go by, off until it is asked for, and its name in an address. */
export const SWITCHES = { dedup: "once", diverse: "varied", hybrid: "words" };

export const state = blank();

function blank() {
  return {
    page: "search", collection: "default", words: "", parts: [], missing: [], targets: [],
    facets: [], filter: "", view: "grid", dedup: false, diverse: false, hybrid: false,
  };
}

/** Whether there is anything to search for. */
export const isAsked = () => Boolean(state.words.trim() || state.parts.length);

export function address() {
  const query = new URLSearchParams();
  if (state.page !== "search") query.set("page", state.page);
  if (state.collection !== "default") query.set("c", state.collection);
  if (state.words.trim()) query.set("q", state.words.trim());
  for (const part of state.parts) query.append("part", written(part));
  if (state.targets.length) query.set("to", state.targets.join(","));
  for (const facet of state.facets) query.append("has", `${facet.field}:${facet.value}`);
  if (state.filter.trim()) query.set("filter", state.filter.trim());
  if (state.view !== "grid") query.set("view", state.view);
  for (const [name, short] of Object.entries(SWITCHES)) if (state[name]) query.set(short, "1");
  const text = query.toString();
  return text ? `/?${text}` : "/";
}

const written = (part) =>
  [part.kind, part.weight, part.kind === "item" ? part.id : part.text || part.name].join(":");

/** Write the address. A new entry for Back only when something changed. */
export function remember({ replace = false } = {}) {
  const beside = { keys: state.parts.map((part) => part.key) };
  const same = address() === location.pathname + location.search
    && String(history.state?.keys || []) === String(beside.keys);
  if (same || replace) history.replaceState(beside, "", address());
  else history.pushState(beside, "", address());
}

/** Read the address, whoever wrote it: what makes no sense is left out. */
export function recall() {
  const query = new URLSearchParams(location.search);
  Object.assign(state, blank(), {
    page: query.get("page") === "library" ? "library" : "search",
    collection: query.get("c") || "default",
    words: query.get("q") || "",
    targets: (query.get("to") || "").split(",").filter((kind) => NAMES.includes(kind)),
    facets: query.getAll("has").map(facet).filter(Boolean),
    filter: query.get("filter") || "",
    view: query.get("view") === "lanes" ? "lanes" : "grid",
  });
  for (const [name, short] of Object.entries(SWITCHES)) state[name] = query.get(short) === "1";
  query.getAll("part").forEach((text, at) => restore(text, history.state?.keys?.[at]));
}

function facet(text) {
  const [, field, value] = /^([^:]+):(.*)$/s.exec(text) || [];
  return field ? { field, value } : null;
}

function restore(text, key) {
  const [, kind, weight, said] = /^(text|item|file):(-?[\d.]+):(.*)$/s.exec(text) || [];
  const given = { weight: Math.max(-2, Math.min(2, Number(weight))) || 1 };
  if (kind === "text") state.parts.push(newPart(kind, { ...given, text: said, name: said, modality: "text" }));
  if (kind === "item" && /^\d{1,18}$/.test(said)) {
    state.parts.push(newPart(kind, { ...given, id: Number(said) }));
  }
  if (kind !== "file") return;
  const part = filed.get(key);
  if (part) state.parts.push(Object.assign(part, given));
  else state.missing.push(said);
}
