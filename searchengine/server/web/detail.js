// One hit, opened: large, with all that is known of it and why it was found.

import * as api from "./api.js";
import { iconButton, icon, make } from "./element.js";
import { explanation } from "./explain.js";
import { SMALL_PX, acting, passage, seen } from "./hits.js";
import { KINDS, bytes, clock, fileName, titleOf } from "./kinds.js";
import { hush, when } from "./player.js";

const LARGE_PX = 960;
/** Pictures that every browser shows; others are shown by their preview. */
const SHOWN = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"];

let dialog = null;

/** Opens `hit`; the arrows walk through `hits`. Esc closes, and focus returns to the card. */
export function open(hit, hits) {
  close();
  dialog = make("dialog", { class: "detail", "aria-label": titleOf(hit) });
  const opened = dialog;
  let at = hits.indexOf(hit);
  const turn = (step) => {
    if (!hits[at + step]) return;
    at += step;
    fill(opened, hits, at, turn);
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.target.matches("input, video")) return;
    if (event.key === "ArrowRight") turn(1);
    if (event.key === "ArrowLeft") turn(-1);
  });
  dialog.addEventListener("click", (event) => { if (event.target === opened) opened.close(); });
  dialog.addEventListener("close", () => { hush(); opened.remove(); back(hits[at]); });
  document.body.append(dialog);
  fill(dialog, hits, at, turn);
  dialog.showModal();
}

export function close() {
  if (dialog?.open) dialog.close();
  dialog = null;
}

const back = (hit) => document.querySelector(`main .hit[data-id="${Number(hit.id)}"] .title`)?.focus();

function fill(place, hits, at, turn) {
  hush();
  const hit = hits[at];
  const title = titleOf(hit);
  place.setAttribute("aria-label", title);
  const next = iconButton("after", "Next hit", () => turn(1), { disabled: at + 1 >= hits.length });
  const before = iconButton("before", "Previous hit", () => turn(-1), { disabled: at === 0 });
  const shut = iconButton("close", "Close", () => place.close(), { autofocus: true });
  place.replaceChildren(
    make("div", { class: "stage", "data-kind": hit.modality }, large(hit, title)),
    make("div", { class: "facts" },
      make("div", { class: "bar" }, before, next,
        make("span", { class: "soft", textContent: `${at + 1} of ${hits.length}` }), shut),
      make("p", { class: "kind" }, icon(hit.modality), heading(hit)),
      make("h2", { textContent: title }), act(hit, title),
      make("h3", { textContent: "Why it is here" }), explanation(hit),
      make("h3", { textContent: "About" }), about(hit)));
  shut.focus();
  more(place, hit);
}

const heading = (hit) => [KINDS[hit.modality].one,
  hit.item_modality === hit.modality ? "" : `from a ${KINDS[hit.item_modality].one}`, when(hit)]
  .filter(Boolean).join(" · ");

function large(hit, title) {
  if (hit.modality === "text") return passage(hit.text || "");
  if (hit.modality === "image" && SHOWN.includes(hit.mime_type)) {
    const picture = make("img", { src: hit.media_url, alt: title });
    picture.addEventListener("error", () => picture.replaceWith(seen(hit, title, LARGE_PX)), { once: true });
    return picture;
  }
  const large = seen(hit, title, LARGE_PX);
  return large.tagName === "IMG" ? sharper(large, hit) : large;
}

/** The card's picture, which is there already, until the large one is. */
function sharper(picture, hit) {
  const large = make("img", { src: picture.src });
  picture.src = api.sized(hit.preview_url, SMALL_PX);
  large.addEventListener("load", () => { picture.src = large.src; }, { once: true });
  return picture;
}

function act(hit, title) {
  const button = (name, text, label, action) => make("button", {
    type: "button", class: "plain", "aria-label": label, onclick: () => action(hit),
  }, icon(name), text);
  return make("div", { class: "detail-actions" },
    button("like", "More like this", `More like ${title}`, acting.only),
    button("plus", "Add", `Add ${title} to the query`, acting.toward),
    button("minus", "Avoid", `Away from ${title}`, acting.away),
    make("a", { class: "plain", href: hit.media_url, target: "_blank", rel: "noopener" },
      icon("open"), "Open file"));
}

/** Every field that is known, as text; lists as their values. */
function about(hit) {
  const facts = [["File", fileName(hit.path)], ["Where", hit.path], ["Type", hit.mime_type],
    ["Length", hit.duration_s ? clock(hit.duration_s) : null], ["Number", hit.id]];
  const said = Object.entries(hit.metadata).filter(([name]) => name !== "modality");
  return make("dl", {}, [...facts, ...said].filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => fact(name, value)));
}

const fact = (name, value) => make("div", {},
  make("dt", { textContent: name.replaceAll("_", " ") }), make("dd", { textContent: written(value) }));

function written(value) {
  if (Array.isArray(value)) return value.map(written).join(", ");
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What a hit does not carry: the size of its file. */
async function more(place, hit) {
  const item = await api.item(hit.id).catch(() => null);
  const facts = place.querySelector("dl");
  if (item && facts && place.open) facts.append(fact("Size", bytes(item.size_bytes)));
}
