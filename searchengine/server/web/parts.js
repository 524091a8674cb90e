// The parts of a query as chips: what it is, how much it counts, toward it or away from it.

import * as api from "./api.js";
import { by, icon, iconButton, make } from "./element.js";
import { KINDS, NAMES, kindOf, titleOf } from "./kinds.js";
import { wave } from "./player.js";
import { newPart, state } from "./state.js";

const MOST = 15;
const CHIP_PX = 128;
let changed = () => {};
let refused = () => {};

/** `onchange` after any change of the parts, `onrefuse(text)` when one cannot be taken. */
export function whenChanged(onchange, onrefuse) {
  changed = onchange;
  refused = onrefuse;
}

function add(part) {
  if (state.parts.length >= MOST) return refused(`A query has at most ${MOST} parts.`);
  state.parts.push(part);
  return show();
}

export function addFiles(list, modality = null) {
  const full = [...list].filter((file) => file.size > 0);
  if (full.length < list.length) refused("An empty file has nothing to search by.");
  for (const file of full) {
    add(newPart("file", { file, name: file.name, modality: modality || kindOf(file) }));
  }
  if (full.length) changed();
}

export function addWords(text) {
  add(newPart("text", { text, name: text, modality: "text" }));
  changed();
}

/** An item that was found; a second time only its weight changes. */
export function addItem(hit, weight) {
  const there = state.parts.find((part) => part.kind === "item" && part.id === hit.id);
  if (there) there.weight = weight;
  else add(newPart("item", { ...ofItem(hit), id: hit.id, weight }));
  show();
  changed();
}

/** Nothing but this item. */
export function only(hit) {
  Object.assign(state, { words: "", parts: [], missing: [] });
  addItem(hit, 1);
}

const ofItem = (item) => ({
  name: titleOf(item),
  modality: item.item_modality || item.modality,
  preview: api.previewUrl(item.id, { size: CHIP_PX }),
});

/** What an address says of items is only their ids; the server knows their names. */
export async function name() {
  const unnamed = state.parts.filter((part) => part.kind === "item" && !part.name);
  await Promise.all(unnamed.map(async (part) => {
    const found = await api.item(part.id).catch(() => null);
    Object.assign(part, found ? ofItem(found) : { name: `item ${part.id}`, modality: null });
  }));
  if (unnamed.length) show();
}

export function show() {
  const list = by("parts");
  const at = controls(list).indexOf(document.activeElement);
  list.replaceChildren(...state.parts.map(chip));
  if (at >= 0) controls(list)[at]?.focus();
  list.hidden = !state.parts.length;
  const alone = state.parts.length + (state.words.trim() ? 1 : 0) < 2;
  list.classList.toggle("alone", alone && state.parts.every((part) => part.weight > 0));
}

/** To give the focus back to where it was, once chips are redrawn. */
const controls = (list) => [...list.querySelectorAll("button, input, select")];

function chip(part) {
  const called = part.name || "…";
  const body = make("div", { class: "chip-text" },
    make("span", { class: "chip-name", textContent: called, title: called }), kind(part));
  const remove = iconButton("close", `Remove ${called}`, () => {
    state.parts = state.parts.filter((one) => one !== part);
    show();
    changed();
    by("words").focus();
  });
  return make("li", {
    class: part.weight < 0 ? "chip away" : "chip", "data-kind": part.modality || part.taken || "auto",
  },
    seen(part), body, sign(part, called), weight(part, called), remove);
}

function sign(part, called) {
  const away = part.weight < 0;
  const label = away ? `Away from ${called}; press for toward` : `Toward ${called}; press for away`;
  return iconButton(away ? "minus" : "plus", label, () => {
    part.weight = -part.weight;
    show();
    changed();
  }, { class: "round sign", "aria-pressed": String(away) });
}

function weight(part, called) {
  const shown = make("output", { textContent: Math.abs(part.weight).toFixed(1) });
  const slider = make("input", {
    type: "range", min: "0.1", max: "2", step: "0.1", value: String(Math.abs(part.weight)),
    "aria-label": `Weight of ${called}`,
    oninput: () => { shown.textContent = Number(slider.value).toFixed(1); },
    onchange: () => {
      part.weight = Math.sign(part.weight) * Number(slider.value);
      changed();
    },
  });
  return make("span", { class: "weight" }, slider, shown);
}

/** Of a file, a choice: a PNG may be a photo, a depth map or an infrared image. */
function kind(part) {
  if (part.kind !== "file") {
    return make("span", { class: "soft", textContent: KINDS[part.modality]?.one || "" });
  }
  const choice = make("select", {
    class: "soft", "aria-label": `What ${part.name} is`,
    onchange: () => {
      part.modality = choice.value || null;
      part.preview = undefined;
      show();
      changed();
    },
  }, make("option", { value: "", textContent: recognised(part) }),
  NAMES.map((one) => make("option", { value: one, textContent: KINDS[one].one })));
  choice.value = part.modality || "";
  return choice;
}

const recognised = (part) => (KINDS[part.taken] ? `${KINDS[part.taken].one}?` : "recognise kind");

/** The part's own picture, or its kind's drawing until there is one. */
function seen(part) {
  const kind = part.modality || part.taken || "auto";
  const frame = make("span", { class: "chip-seen" }, icon(kind));
  if (part.preview) frame.replaceChildren(picture(part.preview, kind, frame));
  else if (part.kind === "file" && part.preview === undefined) draw(part);
  return frame;
}

function picture(src, kind, frame) {
  if (kind === "audio") return wave(src);
  return make("img", { src, alt: "", onerror: () => frame.replaceChildren(icon(kind)) });
}

/** The server draws all kinds, and says what it took the file for. False: it has no picture. */
async function draw(part) {
  part.preview = false;
  const { modality } = part;
  const { picture: blob, taken } = await api.preview(part.file, modality, CHIP_PX).catch(() => ({}));
  if (modality !== part.modality) return;
  Object.assign(part, { taken, preview: blob ? URL.createObjectURL(blob) : false });
  if (state.parts.includes(part)) redraw(part);
}

/** Its chip alone, and not while somebody is in it: that would take the focus away. */
function redraw(part) {
  const old = by("parts").children[state.parts.indexOf(part)];
  const fresh = chip(part);
  if (!old?.contains(document.activeElement)) old?.replaceWith(fresh);
  else old.querySelector(".chip-seen").replaceWith(fresh.querySelector(".chip-seen"));
}
