// Before anything is asked: what there is, as things to start from.

import * as api from "./api.js";
import { icon, make } from "./element.js";
import { KINDS, NAMES, counted, titleOf } from "./kinds.js";
import { wave } from "./player.js";

/** Samples of each kind: enough to see what there is, few enough for one screen. */
const EACH = 2;
const KEPT_PX = 320;

let latest = 0;

/** Fills `place`; `choose(item)` when a sample is pressed. */
export async function show(place, collection, choose) {
  const mine = ++latest;
  place.className = "home";
  place.removeAttribute("aria-busy");
  place.replaceChildren();
  if (!collection?.items) return place.append(nothing());
  const found = await samples(collection).catch(() => []);
  if (mine !== latest || place.className !== "home" || !found.length) return null;
  return place.append(
    make("h2", { textContent: "Or start from one of these" }),
    make("ul", { class: "samples" }, found.map((item) => sample(item, choose))),
    make("p", { class: "soft total", textContent: total(collection) }));
}

function nothing() {
  return make("div", { class: "message" }, make("h2", { textContent: "Nothing is indexed yet" }),
    make("p", {}, "Add a folder on the ", make("a", { href: "/?page=library", textContent: "library page" }),
      ", or run ", make("code", { textContent: "searchengine index FOLDER" }), "."));
}

async function samples(collection) {
  const kinds = NAMES.filter((kind) => collection.modalities[kind]);
  const lists = [];
  for (const kind of kinds) lists.push((await api.items({ filter: `modality = ${kind}`, limit: EACH })).items);
  return Array.from({ length: EACH }, (_, at) => lists.map((items) => items[at])).flat().filter(Boolean);
}

function sample(item, choose) {
  const title = titleOf(item);
  const frame = make("span", { class: "sample-seen" });
  look(item, frame);
  return make("li", {}, make("button", {
    type: "button", class: "sample", "data-kind": item.modality, onclick: () => choose(item),
    "aria-label": `More like this ${KINDS[item.modality].one}: ${title}`,
  }, frame, make("span", { class: "sample-name" }, icon(item.modality), make("span", { textContent: title }))));
}

/** A text's preview is its words, and a sound's a mask for its waveform. */
async function look(item, frame) {
  const preview = api.previewUrl(item.id, { size: KEPT_PX });
  if (item.modality === "text") {
    const words = await fetch(preview).then((r) => (r.ok ? r.text() : "")).catch(() => "");
    return frame.append(make("q", { textContent: words.slice(0, 240) }));
  }
  if (item.modality === "audio") {
    return frame.append(wave(preview));
  }
  const picture = make("img", { src: preview, alt: "", loading: "lazy" });
  picture.addEventListener("error", () => picture.replaceWith(icon(item.modality)), { once: true });
  return frame.append(picture);
}

function total({ items, modalities }) {
  const each = NAMES.filter((kind) => modalities[kind]).map((kind) => counted(modalities[kind].items, kind));
  return `${items.toLocaleString("en")} files: ${each.join(", ")}.`;
}
