// The page as a whole: what happens when, and what is said about it.

import * as api from "./api.js";
import { whenBrought } from "./arriving.js";
import * as detail from "./detail.js";
import { by, icon, iconButton, make } from "./element.js";
import * as filters from "./filters.js";
import * as hits from "./hits.js";
import * as home from "./home.js";
import * as jobs from "./jobs.js";
import { KINDS, NAMES, counted } from "./kinds.js";
import { askForKey } from "./login.js";
import * as parts from "./parts.js";
import { hush } from "./player.js";
import { PAGE, described, request } from "./query.js";
import * as record from "./record.js";
import { isAsked, recall, remember, state } from "./state.js";

let collections = [];
let found = [];
let running = null;

const place = () => by("hits");
const say = (text) => { by("said").textContent = text; };

/** Something passing, said aloud and shown for a while. */
function toast(text) {
  by("toast").replaceChildren(make("p", { textContent: text }));
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => by("toast").replaceChildren(), 6000);
}

/** Ask again, after anything of the query changed. */
function ask(options = {}) {
  state.page = "search";
  if (isAsked()) state.missing = options.keepMissing ? state.missing : [];
  remember(options);
  arrange();
  return isAsked() ? search() : rest();
}

/** What is visible in this state of the page. */
function arrange() {
  const searching = state.page === "search" && isAsked();
  document.body.dataset.state = state.page === "library" ? "library" : searching ? "found" : "home";
  document.title = searching ? `${described()} · searchengine` : "searchengine";
  by("words").value = state.words;
  by("clear").hidden = !isAsked();
  for (const view of ["grid", "lanes"]) {
    by(view).setAttribute("aria-pressed", String(state.view === view));
  }
  by("missing").hidden = !state.missing.length;
  by("missing").textContent = `This search also used ${state.missing.map((n) => `“${n}”`).join(", ")}. `
    + "A link cannot hold files: add it again for the same hits.";
  by("drop-says").textContent = state.page === "library" ? "Drop to add to the library" : "Drop to search with it";
  parts.show();
  if (collections.some(({ name }) => name === state.collection)) filters.count();
}

function rest() {
  running?.abort();
  found = [];
  say("");
  by("more").hidden = true;
  return home.show(place(), collections.find(({ name }) => name === state.collection), parts.only);
}

async function search({ more = false } = {}) {
  running?.abort();
  const mine = running = new AbortController();
  const { request: asked, files } = request(more ? found.length : 0);
  if (!more) {
    hush();
    say("Searching…");
    by("more").hidden = true;
    hits.skeletons(place(), state.view);
  }
  by("more").disabled = true;
  try {
    const result = await api.search(asked, files, mine.signal);
    if (mine === running) answer(result, more);
  } catch (error) {
    if (mine === running && error.name !== "AbortError") fail(error);
  }
}

function answer(result, more) {
  const fresh = result.hits;
  found = more ? [...found, ...fresh] : fresh;
  say(summary(result));
  by("more").hidden = state.view === "lanes" || fresh.length < PAGE;
  by("more").disabled = false;
  if (!found.length) return message("Nothing found", sentence(result.reason), narrowed() ? widen() : null);
  hits.show(place(), fresh, state.view, more);
  if (more) place().querySelectorAll(".title")[found.length - fresh.length]?.focus();
  return by("doubt").hidden = result.relevant !== false;
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

const narrowed = () => state.facets.length || state.filter.trim() || state.targets.length;

const widen = () => make("button", {
  type: "button", class: "primary", textContent: "Clear the filters",
  onclick: () => { Object.assign(state, { facets: [], filter: "", targets: [] }); ask(); },
});

/** "24 hits: 10 images, 14 sounds. 0.1 s": the live region reads it. */
function summary({ seconds }) {
  const kinds = NAMES.map((kind) => [kind, found.filter((hit) => hit.modality === kind).length]);
  const said = kinds.filter(([, count]) => count).map(([kind, count]) => counted(count, kind));
  const took = Object.values(seconds).reduce((sum, one) => sum + one, 0);
  const first = by("more").hidden ? "" : "First ";
  return found.length ? `${first}${found.length} hits: ${said.join(", ")}. ${took.toFixed(2)} s` : "No hits";
}

function message(title, text, action = null) {
  by("doubt").hidden = true;
  place().className = "empty";
  place().removeAttribute("aria-busy");
  place().replaceChildren(make("div", { class: "message", role: "alert" },
    make("h2", { textContent: title }), make("p", { textContent: text }), action));
}

const TITLES = {
  NoAnswer: "No answer", EmptyQuery: "Nothing to search for", InvalidFilter: "The filter makes no sense",
  UnsupportedMedia: "Not a kind of file that can be read", DecodeError: "The file cannot be read",
  CollectionNotFound: "No such collection", TooLarge: "Too large", Busy: "The server is busy",
};

function fail(error) {
  say("");
  const again = make("button", {
    type: "button", class: "primary", textContent: "Try again", onclick: () => search(),
  });
  const hint = ["UnsupportedMedia", "DecodeError"].includes(error.title)
    ? " If its kind was not recognised, choose it beside the file's name above." : "";
  const hopeless = ["InvalidFilter", "UnsupportedMedia", "DecodeError", "CollectionNotFound", "TooLarge"];
  message(TITLES[error.title] || "That did not work", `${error.message}${hint}`,
    hopeless.includes(error.title) ? null : again);
}

function take(list, modality = null) {
  if (!list.length) return;
  if (state.page === "library") { jobs.send(list); return; }
  const [files, rest] = [[...list].slice(0, 15), [...list].slice(15)];
  if (rest.length) toast(`Only the first ${files.length} files were taken.`);
  state.words = by("words").value;
  parts.addFiles(files, modality);
}

function composing() {
  by("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    state.words = by("words").value;
    ask();
  });
  by("file").addEventListener("change", () => { take(by("file").files); by("file").value = ""; });
  by("choose").addEventListener("click", () => by("file").click());
  by("record").addEventListener("click", () => record.sound((file) => take([file], "audio"), toast));
  by("photo").addEventListener("click", () => record.photo((file) => take([file], "image"), toast));
  by("split").addEventListener("click", () => {
    const words = by("words").value.trim();
    by("words").focus();
    if (!words) return toast("Type words first; they then become a part with a weight of its own.");
    state.words = "";
    return parts.addWords(words);
  });
  by("clear").addEventListener("click", () => {
    Object.assign(state, { words: "", parts: [], missing: [], facets: [], filter: "", targets: [] });
    ask();
    by("words").focus();
  });
}

function choosing() {
  for (const view of ["grid", "lanes"]) {
    by(view).addEventListener("click", () => { state.view = view; ask({ keepMissing: true }); });
  }
  by("more").addEventListener("click", () => search({ more: true }));
  by("link").addEventListener("click", copyLink);
  by("collection").addEventListener("change", () => {
    Object.assign(state, { collection: by("collection").value, facets: [], targets: [], filter: "" });
    state.parts = state.parts.filter((part) => part.kind !== "item");
    api.useCollection(state.collection);
    if (state.page === "library") state.page = "search";
    ask();
  });
  by("to-library").addEventListener("click", (event) => visit(event, "library"));
  by("to-search").addEventListener("click", (event) => visit(event, "search"));
}

function visit(event, page) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  Object.assign(state, { page, words: "", parts: [], missing: [], facets: [], filter: "", targets: [] });
  remember();
  render();
}

async function copyLink() {
  const files = state.parts.filter((part) => part.kind === "file").length;
  const left = files ? " Files are not in it: whoever opens it adds them again." : "";
  try {
    await navigator.clipboard.writeText(location.href);
    toast(`Link copied.${left}`);
  } catch {
    toast(`The browser keeps the clipboard closed; copy the address above.${left}`);
  }
}

function keyboard() {
  hits.walk(by("content"));
  addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox], [type=range]), select, textarea");
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      by("words").select();
    }
    if (event.key === "ArrowDown" && event.target === by("words") && found.length) {
      event.preventDefault();
      hits.focusFirst(place());
    }
    if (event.key === "Escape" && !by("filters").hidden) { filters.open(false); by("filters-button").focus(); }
    else if (event.key === "Escape" && event.target.closest("main")) by("words").focus();
  });
}

async function render() {
  detail.close();
  jobs.leave();
  api.useCollection(state.collection);
  by("collection").value = state.collection;
  by("doubt").hidden = true;
  arrange();
  if (state.page === "library") {
    by("more").hidden = true;
    say("");
    return jobs.show(place(), collections, refresh);
  }
  await parts.name();
  if (state.parts.length) arrange();
  return isAsked() ? search() : rest();
}

async function refresh() {
  collections = (await api.collections()).collections;
  if (!collections.some(({ name }) => name === state.collection) && !location.search.includes("c=")) {
    state.collection = collections[0]?.name || "default";
  }
  by("collection").replaceChildren(...collections.map(({ name }) =>
    make("option", { value: name, textContent: name })));
  by("collection").value = state.collection;
  by("collection-label").hidden = collections.length < 2;
  return collections;
}

function dress() {
  const drawings = { choose: "file", record: "microphone", photo: "camera", split: "plus",
    grid: "grid", lanes: "lanes", link: "link", "filters-button": "filter", clear: "close",
    "filters-close": "close", go: "search" };
  for (const [id, name] of Object.entries(drawings)) by(id).prepend(icon(name));
}

async function begin() {
  dress();
  api.whenLocked(askForKey);
  parts.whenChanged(() => ask(), toast);
  filters.whenChanged(() => ask({ keepMissing: true }));
  hits.whenActed({
    open: (hit) => detail.open(hit, found),
    only: (hit) => { detail.close(); parts.only(hit); scrollTo({ top: 0 }); },
    toward: (hit) => { detail.close(); parts.addItem(hit, 1); },
    away: (hit) => { detail.close(); parts.addItem(hit, -0.5); },
  });
  [composing, choosing, keyboard].forEach((one) => one());
  whenBrought(take);
  addEventListener("popstate", () => { recall(); render(); });
  recall();
  try { await refresh(); } catch (error) { return fail(error); }
  remember({ replace: true });
  const typed = by("words").value; // while the page was loading
  const shown = render();
  if (!isAsked()) by("words").value = typed;
  return shown;
}

begin();
