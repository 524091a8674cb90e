// The library's page: what is indexed, indexing more, and how that goes, failures included.

import * as api from "./api.js";
import { iconButton, icon, make } from "./element.js";
import { KINDS, NAMES, bytes, counted } from "./kinds.js";
import { state } from "./state.js";

/** Failures shown at once; the rest behind a button. */
const SHOWN = 50;
let follows = [];
let sending = () => {};

export function leave() {
  follows.forEach((stop) => stop());
  follows = [];
}

/** Add files that were dropped on this page. */
export const send = (files) => sending([...files]);

/** Fills `place` with the library of `collections`; `refresh()` gives them anew. */
export async function show(place, collections, refresh) {
  leave();
  place.className = "library";
  place.removeAttribute("aria-busy");
  const list = make("ul", { class: "jobs", "aria-label": "Index runs" });
  const cards = make("div", { class: "collections" }, shelf(collections));
  const changed = async () => cards.replaceChildren(...shelf(await refresh()));
  place.replaceChildren(make("h1", { textContent: "Library" }), cards);
  const roots = await api.roots().then((found) => found.roots, () => null);
  if (!place.classList.contains("library")) return;
  if (!roots) return void place.append(byHand());
  place.append(indexing(roots, collections, list, changed), adding(changed),
    make("h2", { textContent: "Runs" }), list);
  const { jobs } = await api.jobs().catch(() => ({ jobs: [] }));
  jobs.forEach((job) => follow(job, list, changed));
  if (!jobs.length) list.append(make("li", { class: "soft none-yet", textContent: "None yet." }));
}

function byHand() {
  return make("div", { class: "message" }, make("h2", { textContent: "Add files" }),
    make("p", {}, "This server does not index over HTTP. On its machine, run ",
      make("code", { textContent: "searchengine index FOLDER" }), "; the page shows what it adds at once."));
}

const shelf = (collections) => (collections.length ? collections.map(card)
  : [make("p", { class: "panel soft", textContent: "Nothing is indexed yet." })]);

function card(collection) {
  const kinds = NAMES.filter((kind) => collection.modalities[kind]);
  return make("section", { class: "panel collection", "aria-label": collection.name },
    make("h2", { textContent: collection.name }),
    make("p", { class: "soft", textContent:
      `${collection.items.toLocaleString("en")} files, encoded by ${collection.encoder}` }),
    make("ul", { class: "shares" }, kinds.map((kind) => make("li", {}, icon(kind),
      counted(collection.modalities[kind].items, kind)))),
    make("ul", { class: "roots" }, collection.roots.map((root) =>
      make("li", { class: "soft", textContent: root }))));
}

function indexing(roots, collections, list, changed) {
  const folder = select("folder", roots.map((root) => [root, root]));
  const below = make("input", { id: "below", placeholder: "all of it", autocomplete: "off" });
  const into = select("into", collections.map(({ name }) => [name, name]));
  const taken = select("taken", kindChoices());
  const prune = make("input", { type: "checkbox", id: "prune" });
  const wrong = make("p", { class: "wrong", role: "alert" });
  const start = async (event) => {
    event.preventDefault();
    wrong.textContent = "";
    try {
      follow(await api.start({
        collection: into.value || state.collection, paths: [joined(folder.value, below.value.trim())],
        prune: prune.checked, modality: taken.value || null,
      }), list, changed, true);
    } catch (error) { wrong.textContent = error.message; }
  };
  if (!collections.length) into.append(make("option", { value: "default", textContent: "default" }));
  return make("form", { class: "panel index-form", onsubmit: start, "aria-label": "Index a folder" },
    make("h2", { textContent: "Index a folder" }),
    make("p", { class: "soft", textContent: "Only what is new or changed is encoded. Folders are "
      + "registered on the server, never from here." }),
    labelled("Folder", folder), labelled("Within it", below),
    labelled("Into", into), labelled("Take files as", taken),
    make("div", { class: "bar ends" },
      make("label", { class: "check grow" }, prune, "Forget files that are gone"),
      make("button", { class: "primary", disabled: !roots.length, textContent: "Index" })),
    wrong, roots.length ? null : make("p", { class: "soft", textContent:
      "No folder is registered; start the server with --root FOLDER." }));
}

const kindChoices = () => [["", "what each file is"], ...NAMES.map((n) => [n, KINDS[n].many])];

const joined = (root, below) => (below ? `${root.replace(/\/$/, "")}/${below}` : root);

const select = (id, choices) => make("select", { id },
  choices.map(([value, textContent]) => make("option", { value, textContent })));

const labelled = (text, field) =>
  make("div", { class: "labelled" }, make("label", { htmlFor: field.id, textContent: text }), field);

/** Files from this device, kept by the server and indexed at once. */
function adding(changed) {
  const said = make("ul", { class: "uploads", "aria-live": "polite" });
  const taken = select("added-as", kindChoices());
  sending = async (files) => {
    const lines = files.map((file) => waiting(file, said));
    for (const [at, file] of files.entries()) await one(file, taken.value, lines[at]);
    return changed();
  };
  const field = make("input", {
    type: "file", class: "hidden", multiple: true,
    onchange: () => { sending([...field.files]); field.value = ""; },
  });
  return make("div", { class: "panel" }, make("h2", { textContent: "Add files from this device" }),
    make("p", { class: "soft", textContent: "They are kept in the library and can be found at once. "
      + "Or drop them anywhere on this page." }),
    make("div", { class: "bar ends" }, labelled("Take them as", taken),
      make("label", { class: "plain upload" }, icon("file"), "Choose files to add", field)), said);
}

function waiting(file, said) {
  const line = make("li", { textContent: `${file.name} (${bytes(file.size)}): sending…` });
  said.append(line);
  return line;
}

async function one(file, modality, line) {
  try {
    const item = await api.upload(file, modality);
    line.textContent = `${file.name}: added as ${KINDS[item.modality].one} ${item.id}`;
  } catch (error) {
    line.textContent = `${file.name}: ${error.message}`;
    line.className = "wrong";
  }
}

function follow(job, list, changed, first = false) {
  list.querySelector(".none-yet")?.remove();
  const place = make("li", { class: "panel job", "data-id": String(job.id) });
  list[first ? "prepend" : "append"](place);
  draw(job, place);
  if (api.isOver(job)) return;
  follows.push(api.follow(job.id, (now) => {
    draw(now, place);
    if (api.isOver(now)) changed();
  }));
}

const STATES = {
  queued: "Waiting for a worker", running: "Indexing", done: "Done", failed: "Failed", cancelled: "Cancelled",
};

function draw(job, place) {
  const going = !api.isOver(job);
  const { found = 0, done = 0 } = job.progress || {};
  const held = place.contains(document.activeElement);
  place.replaceChildren(...[
    make("div", { class: "bar" },
      make("strong", { textContent: STATES[job.state] || job.state }),
      make("span", { class: "soft grow", textContent: job.paths.join(", ") }),
      going ? iconButton("close", "Cancel this run", () => api.cancel(job.id).catch(() => {})) : null),
    going ? make("progress", {
      "aria-label": "Files done", max: Math.max(1, found), ...(found ? { value: done } : {}),
    }) : null,
    make("p", { class: "soft", textContent: counts(job) }),
    job.error ? make("p", { class: "wrong", textContent: job.error }) : null,
    failures(job.report?.failures || []),
  ].filter(Boolean));
  if (held) place.querySelector("button")?.focus();
}

function counts({ progress, report }) {
  if (report) {
    const said = ["new", "changed", "moved", "gone", "unchanged"].filter((name) => report[name])
      .map((name) => `${report[name]} ${name}`);
    const time = report.seconds ? ` in ${report.seconds.toFixed(1)} s` : "";
    return `${said.join(", ") || "nothing to do"}${time}`;
  }
  const { found = 0, done = 0, segments = 0, failures: failed = 0, path } = progress || {};
  const bad = failed ? `, ${failed} failed` : "";
  return `${done} of ${found} files, ${segments} segments${bad}${path ? ` · ${path}` : ""}`;
}

function failures(all) {
  if (!all.length) return null;
  const line = ({ path, error, reason }) => make("li", {}, make("code", { textContent: path }),
    make("span", { textContent: ` ${reason}` }), make("span", { class: "soft", textContent: ` (${error})` }));
  const list = make("ul", {}, all.slice(0, SHOWN).map(line));
  const rest = make("button", {
    type: "button", class: "plain", textContent: `${all.length - SHOWN} more`, hidden: all.length <= SHOWN,
    onclick: () => { list.append(...all.slice(SHOWN).map(line)); rest.remove(); },
  });
  return make("details", { class: "failures", open: true },
    make("summary", { textContent: `${all.length} ${all.length === 1 ? "file" : "files"} could not be used` }),
    list, rest);
}
