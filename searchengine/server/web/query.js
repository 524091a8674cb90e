// From what is on the page to what the server is asked.

import { NAMES } from "./kinds.js";
import { state } from "./state.js";

/** Hits a page, and hits a kind when they stand in lanes. */
export const PAGE = 24;
const LANE = 12;

/** The request of the API, and the files that go with it by the names of their fields. */
export function request(offset = 0) {
  const words = state.words.trim();
  const query = state.parts.map(asked);
  if (words) query.unshift({ modality: "text", text: words, weight: 1 });
  const files = new Map(
    state.parts.filter((part) => part.kind === "file").map((part) => [part.key, part.file]),
  );
  return { request: { query, ...how(query), offset }, files };
}

function asked(part) {
  const { weight } = part;
  if (part.kind === "item") return { id: part.id, weight };
  if (part.kind === "text") return { modality: "text", text: part.text, weight };
  const decided = part.modality ? { modality: part.modality } : {};
  return { file: part.key, name: part.file.name, weight, ...decided };
}

/** In lanes every kind shows its own nearest, so hits are ranked within their kind. */
function how(query) {
  const lanes = state.view === "lanes";
  const kinds = state.targets.length || NAMES.length;
  return {
    targets: state.targets.length ? state.targets : null,
    filter: filter(),
    k: lanes ? LANE * kinds : PAGE,
    score: lanes ? "rank" : "calibrated",
    dedup: state.dedup || null,
    diverse: state.diverse || null,
    hybrid: state.hybrid && query.some((part) => part.text),
    explain: true,
  };
}

/** The filter that was written and the values that were ticked: any of a field, all fields. */
export function filter() {
  const fields = new Map();
  for (const { field, value } of state.facets) {
    fields.set(field, [...(fields.get(field) || []), `${field} = ${quoted(value)}`]);
  }
  const ticked = [...fields.values()].map((values) => `(${values.join(" or ")})`);
  const own = state.filter.trim();
  if (!ticked.length) return own || null;
  return [...ticked, ...(own ? [`(${own})`] : [])].join(" and ");
}

/** A value as the filter grammar reads it; facets give numbers and truths as text. */
function quoted(value) {
  const bare = /^[+-]?\d+(\.\d+)?$/.test(value) || value === "true" || value === "false";
  return bare ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/** Words that say nothing by themselves are not marked. */
const PLAIN = new Set(["and", "the", "for", "with", "from", "that", "this", "over", "into", "not"]);

/** The words of the query, to be marked where a text has them. */
export function searchedWords() {
  const said = [state.words, ...state.parts.filter((p) => p.kind === "text" && p.weight > 0)
    .map((part) => part.text)].join(" ");
  const words = said.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) || [];
  return [...new Set(words)].filter((word) => !PLAIN.has(word)).slice(0, 20);
}

/** "thunder", the file meow.wav, without item 12: for people, and for the title. */
export function described() {
  const parts = state.parts.map((part) => `${part.weight < 0 ? "not " : ""}${part.name}`);
  return [...(state.words.trim() ? [`“${state.words.trim()}”`] : []), ...parts].join(" + ");
}
