// Answers as a person can see them. What files and metadata say goes in as text, never as HTML.

import * as api from "./api.js";
import { icon, iconButton, make } from "./element.js";
import { nearness } from "./explain.js";
import { KINDS, NAMES, fileName, titleOf } from "./kinds.js";
import { film, sound, when } from "./player.js";
import { searchedWords } from "./query.js";

export const SMALL_PX = 480;

/** What a card's buttons do; set once by the page: open, only, toward, away. */
export const acting = {};
export const whenActed = (given) => Object.assign(acting, given);

export function skeletons(place, view) {
  const ghost = () => make("li", { class: "ghost" }, make("div"), make("div"), make("div"));
  const row = (count) => make("ul", { class: "hits", "aria-hidden": "true" },
    Array.from({ length: count }, ghost));
  place.className = view;
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(...(view === "lanes" ? [row(6), row(6)] : [row(12)]));
}

/** All hits at once; `more` adds to those that are there. */
export function show(place, hits, view, more = false) {
  place.className = view;
  place.removeAttribute("aria-busy");
  if (view === "lanes") place.replaceChildren(...lanes(hits));
  else if (more) place.querySelector(".hits").append(...hits.map(card));
  else place.replaceChildren(make("ul", { class: "hits" }, hits.map(card)));
  rove(place);
}

function lanes(hits) {
  const filled = NAMES.map((kind) => [kind, hits.filter((hit) => hit.modality === kind)])
    .filter(([, mine]) => mine.length);
  return filled.map(([kind, mine]) => {
    const heading = make("h2", { id: `lane-${kind}` }, icon(kind), KINDS[kind].title);
    return make("section", { class: "lane", "aria-labelledby": heading.id }, heading,
      make("ul", { class: "hits" }, mine.map(card)));
  });
}

function card(hit) {
  const title = titleOf(hit);
  const open = make("button", {
    type: "button", class: "title", textContent: title, title: hit.path, tabIndex: -1,
    onclick: () => acting.open(hit),
  });
  const card = make("li", { class: "hit", "data-kind": hit.modality, "data-id": String(hit.id) },
    make("div", { class: "seen" }, seen(hit, title), badge(hit)),
    make("div", { class: "about" }, open,
      make("p", { class: "soft", textContent: origin(hit, title) }),
      make("p", { class: "near", textContent: nearness(hit) })),
    actions(hit, title));
  tabbable(card, -1);
  return card;
}

/** The file's name, unless it is the title; of a sound in a video, that it is one. */
function origin(hit, title) {
  const name = fileName(hit.path);
  if (hit.item_modality !== hit.modality) return `Sound of ${name}`;
  return name === title ? KINDS[hit.modality].one : name;
}

function badge(hit) {
  const time = when(hit);
  const from = hit.item_modality !== hit.modality ? `from a ${KINDS[hit.item_modality].one}` : "";
  const text = [KINDS[hit.modality].one, from, time].filter(Boolean).join(", ");
  return make("span", { class: "badge", title: text },
    icon(hit.modality), make("span", { class: "hidden", textContent: text }),
    time ? make("span", { "aria-hidden": "true", textContent: time }) : null);
}

/** The hit's picture, player or passage, small. */
export function seen(hit, title, size = SMALL_PX) {
  const preview = api.sized(hit.preview_url, size);
  if (hit.modality === "text") return passage(hit.text || "");
  if (hit.modality === "audio") {
    return sound(hit, size === SMALL_PX ? preview : `${preview}&kind=waveform`, title);
  }
  if (hit.modality === "video") return film(hit, preview, title);
  const picture = make("img", {
    src: preview, alt: `${KINDS[hit.modality].one}: ${title}`, loading: "lazy", decoding: "async",
  });
  picture.addEventListener("error", () => picture.replaceWith(unseen(hit.modality)), { once: true });
  return picture;
}

const unseen = (kind) => make("div", { class: "unseen" }, icon(kind), "No preview");

/** The end of a line that was wrapped, not ended: a long line before a line that is not empty. */
const WRAPPED = /([^\n]{60,})\n(?!\n)/g;

/** A passage, with the words that were asked for marked. */
export function passage(text) {
  const words = searchedWords();
  const quote = make("blockquote");
  text = text.replace(WRAPPED, "$1 ");
  if (!words.length) quote.textContent = text;
  else {
    const asked = new RegExp(`((?<![\\p{L}\\p{N}])(?:${words.join("|")})(?![\\p{L}\\p{N}]))`, "giu");
    text.split(asked).forEach((piece, at) => quote.append(
      at % 2 ? make("mark", { textContent: piece }) : piece));
  }
  return quote;
}

function actions(hit, title) {
  const button = (name, label, action) => iconButton(name, label, () => action(hit));
  return make("div", { class: "actions", role: "group", "aria-label": `With ${title}` },
    button("like", `More like ${title}`, acting.only),
    button("plus", `Add ${title} to the query`, acting.toward),
    button("minus", `Away from ${title}`, acting.away));
}

const titles = (place) => [...place.querySelectorAll(".hit .title")];

/** One card at a time is in the tab order: the one that was last in focus, at first the first. */
function rove(place) {
  const all = titles(place);
  if (all.length && !all.some((one) => one.tabIndex === 0)) current(all[0]);
}

const tabbable = (card, tabIndex) => card.querySelectorAll("button, input, video, a")
  .forEach((one) => { one.tabIndex = tabIndex; });

function current(title) {
  const place = title.closest("main");
  place.querySelectorAll(".hit.current").forEach((card) => {
    card.classList.remove("current");
    tabbable(card, -1);
  });
  const card = title.closest(".hit");
  card.classList.add("current");
  tabbable(card, 0);
}

/** Arrows walk from hit to hit; up and down go to the nearest of the next row. */
export function walk(place) {
  place.addEventListener("focusin", (event) => {
    const title = event.target.closest(".hit")?.querySelector(".title");
    if (title && !title.closest(".hit").classList.contains("current")) current(title);
  });
  place.addEventListener("keydown", (event) => {
    const here = event.target.closest(".hit")?.querySelector(".title");
    if (!here || event.target.matches("input, video")) return;
    const next = neighbour(titles(place), here, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.closest(".hit").scrollIntoView({ block: "nearest", inline: "nearest" });
  });
}

function neighbour(all, here, key) {
  const at = all.indexOf(here);
  if (key === "ArrowRight") return all[at + 1];
  if (key === "ArrowLeft") return all[at - 1];
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key !== "ArrowDown" && key !== "ArrowUp") return null;
  const box = (one) => one.closest(".hit").getBoundingClientRect();
  const from = box(here);
  const beyond = (one) => (key === "ArrowDown" ? box(one).top - from.top : from.top - box(one).top);
  const far = all.filter((one) => beyond(one) > 20);
  const cost = (one) => 10 * beyond(one) + Math.abs(box(one).left - from.left);
  return far.sort((a, b) => cost(a) - cost(b))[0];
}

export const focusFirst = (place) => titles(place)[0]?.focus();
