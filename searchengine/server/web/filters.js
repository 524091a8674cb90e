// What may be found: kinds, values of metadata with their counts, and a filter in words.

import * as api from "./api.js";
import { by, iconButton, make, icon } from "./element.js";
import { KINDS, NAMES } from "./kinds.js";
import { filter } from "./query.js";
import { SWITCHES, state } from "./state.js";

/** Values shown of a field before "more". */
const FIRST = 6;
/** Fields that name one item each tell nothing when counted. */
const QUIET = new Set(["modality", "caption", "title", "description", "file_name"]);
/** What the filter grammar takes for a field. */
const FIELD = /^[^\W\d][\w.-]*$/;

let changed = () => {};
let latest = 0;
const unfolded = new Set();

/** `onchange` after anything was ticked, cleared or written. */
export function whenChanged(onchange) {
  changed = onchange;
  by("filter").addEventListener("change", () => {
    state.filter = by("filter").value;
    changed();
  });
  for (const name of Object.keys(SWITCHES)) {
    by(name).addEventListener("change", () => turn(name, by(name).checked));
  }
  by("filters-button").addEventListener("click", () => open(by("filters").hidden));
  by("filters-close").addEventListener("click", () => { open(false); by("filters-button").focus(); });
}

function turn(name, on) {
  state[name] = on;
  changed();
}

export function open(shown) {
  by("filters").hidden = !shown;
  by("filters-button").setAttribute("aria-expanded", String(shown));
  document.body.classList.toggle("filtering", shown);
}

/** Counts what the present filter leaves, and draws. An invalid filter is told by the search. */
export async function count() {
  const mine = ++latest;
  const [all, left] = await Promise.all([
    api.facets().catch(() => null), filter() ? api.facets(filter()).catch(() => null) : null,
  ]);
  if (mine === latest && all) draw(all, left || all);
}

function draw(all, left) {
  by("filter").value = state.filter;
  for (const name of Object.keys(SWITCHES)) by(name).checked = state[name];
  kinds(all.modality, left.modality);
  tokens();
  const fields = Object.entries(all.fields).filter(([name, values]) => FIELD.test(name)
    && !QUIET.has(name) && values[0][1] > 1);
  const shares = Object.fromEntries(Object.entries(left.fields)
    .map(([name, values]) => [name, new Map(values.map(([v, n]) => [String(v), n]))]));
  by("fields").replaceChildren(...fields.map(([name, values], at) =>
    field(name, values, shares[name] || new Map(), at < 3)));
}

function kinds(all, left) {
  const everything = pill("All", null, !state.targets.length, null, () => []);
  const each = NAMES.filter((kind) => all[kind]).map((kind) => {
    const on = state.targets.includes(kind);
    return pill(KINDS[kind].title, left[kind] || 0, on, kind, () => (on
      ? state.targets.filter((one) => one !== kind) : [...state.targets, kind]));
  });
  by("kinds").replaceChildren(everything, ...each);
}

function pill(name, number, on, kind, targets) {
  return make("button", {
    type: "button", class: "pill", "aria-pressed": String(on), "data-kind": kind || "all",
    onclick: () => {
      state.targets = targets();
      changed();
      by("kinds").querySelector(`[data-kind="${kind || "all"}"]`)?.focus();
    },
  }, kind ? icon(kind) : null, name,
  number === null ? null : make("span", { class: "count", textContent: number.toLocaleString("en") }));
}

function field(name, values, left, shown) {
  const rows = values.map(([value, number]) => row(name, String(value), left.get(String(value)), number));
  const rest = rows.slice(FIRST);
  rest.forEach((one) => { one.hidden = !unfolded.has(name) && !one.querySelector("input").checked; });
  const more = make("button", {
    type: "button", class: "plain", textContent: `${rest.length} more`,
    hidden: !rest.some((one) => one.hidden),
    onclick: () => {
      unfolded.add(name);
      rest.forEach((one) => { one.hidden = false; });
      more.hidden = true;
    },
  });
  const ticked = state.facets.some((one) => one.field === name);
  return make("details", { class: "field", open: shown || ticked },
    make("summary", { textContent: name.replaceAll("_", " ") }), make("ul", {}, rows), more);
}

/** `left` is undefined for a value that is rarer, under this filter, than the server lists. */
function row(name, value, left, number) {
  const on = state.facets.some((one) => one.field === name && one.value === value);
  const box = make("input", {
    type: "checkbox", checked: on,
    onchange: () => toggle(name, value),
  });
  return make("li", { class: left || on ? "" : "none" }, make("label", {}, box,
    make("span", { class: "value", textContent: value, title: value }),
    make("span", { class: "count", textContent: String(filter() ? left ?? 0 : number) })));
}

function toggle(field, value) {
  const others = state.facets.filter((one) => one.field !== field || one.value !== value);
  const was = others.length < state.facets.length;
  state.facets = was ? others : [...state.facets, { field, value }];
  changed();
}

/** What narrows or orders the hits now, each with a way to take it back. */
function tokens() {
  const made = state.facets.map(({ field, value }) =>
    token(`${field}: ${value}`, () => toggle(field, value)));
  if (state.filter.trim()) {
    made.push(token(state.filter.trim(), () => { state.filter = ""; changed(); }));
  }
  for (const name of Object.keys(SWITCHES).filter((one) => state[one])) {
    made.push(token(by(name).labels[0].textContent.trim(), () => turn(name, false)));
  }
  by("tokens").replaceChildren(...made);
  by("tokens").hidden = !made.length;
  by("filters-count").textContent = made.length ? String(made.length) : "";
}

const token = (text, remove) => make("li", {},
  make("span", { textContent: text }), iconButton("close", `Remove filter ${text}`, () => {
    remove();
    by("filters-button").focus(); // the button that had it is gone
  }));
