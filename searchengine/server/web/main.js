// The page: what is asked is in the address, so that a link restores it; files cannot be.

import * as api from "./api.js";
import * as hits from "./hits.js";
import * as parts from "./parts.js";
import { toggle } from "./record.js";

const by = (id) => document.getElementById(id);
const KINDS = ["text", "image", "video", "audio", "depth", "thermal", "imu"];
let latest = 0;

function targets() {
  const chosen = [...document.querySelectorAll("#targets input:checked")].map((box) => box.value);
  return chosen.length && chosen.length < KINDS.length ? chosen : null;
}

function request() {
  const words = by("words").value.trim();
  const query = [...(words ? [{ modality: "text", text: words }] : []), ...parts.asQuery()];
  return {
    query, targets: targets(), filter: by("filter").value.trim() || null, k: 24,
    hybrid: by("hybrid").checked && Boolean(words),
  };
}

async function run({ push = true } = {}) {
  const asked = request();
  if (push) remember();
  if (!asked.query.length) {
    by("hits").replaceChildren();
    by("said").textContent = "Ask with words, or drop a file of any kind here.";
    return;
  }
  const mine = ++latest;
  by("said").textContent = "";
  hits.skeletons(by("hits"));
  try {
    const found = await api.search(asked, parts.files());
    if (mine === latest) answer(found);
  } catch (error) {
    if (mine !== latest) return;
    by("hits").replaceChildren();
    by("said").textContent = error.message;
    if (error.login) by("login").showModal();
  }
}

function answer(found) {
  const count = found.hits.length;
  const doubt = found.relevant === false ? " — but nothing seems relevant" : "";
  by("said").textContent = count ? `${count} answers${doubt}` : "Nothing found.";
  hits.show(by("hits"), found.hits, by("view").value, act);
}

function act(action, hit, name) {
  if (action === "like") { by("words").value = ""; parts.parts.length = 0; }
  parts.addItem(hit.id, name, action === "less" ? -0.5 : 1);
  run();
}

function remember() {
  const state = new URLSearchParams(location.search);
  const put = (name, value) => (value ? state.set(name, value) : state.delete(name));
  put("q", by("words").value.trim());
  put("to", (targets() || []).join(","));
  put("filter", by("filter").value.trim());
  put("view", by("view").value === "lanes" ? "lanes" : "");
  put("hybrid", by("hybrid").checked ? "1" : "");
  put("like", parts.parts.filter((part) => part.id).map((part) => `${part.id}:${part.weight}:${part.name}`).join("|"));
  const text = state.toString();
  if (`?${text}` !== location.search) history.pushState(null, "", text ? `?${text}` : location.pathname);
}

function recall() {
  const state = new URLSearchParams(location.search);
  by("words").value = state.get("q") || "";
  by("filter").value = state.get("filter") || "";
  by("view").value = state.get("view") || "list";
  by("hybrid").checked = state.has("hybrid");
  const to = (state.get("to") || "").split(",");
  for (const box of document.querySelectorAll("#targets input")) box.checked = to.includes(box.value);
  parts.parts.length = 0;
  for (const one of (state.get("like") || "").split("|").filter(Boolean)) {
    const [id, weight, ...name] = one.split(":");
    parts.parts.push({ id: Number(id), weight: Number(weight), name: name.join(":") });
  }
  parts.show();
  run({ push: false });
}

async function count() {
  const box = (kind, known) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "checkbox", value: kind });
    input.addEventListener("change", () => run());
    label.append(input, ` ${kind}${known ? ` ${known}` : ""}`);
    return label;
  };
  const found = await api.facets().catch(() => ({ modality: {} }));
  by("targets").append(...KINDS.filter((kind) => found.modality[kind]).map((kind) => box(kind, found.modality[kind])));
}

function take(list) {
  for (const file of list) parts.addFile(file);
  if (list.length) run();
}

by("ask").addEventListener("submit", (event) => { event.preventDefault(); run(); });
by("file").addEventListener("change", () => { take(by("file").files); by("file").value = ""; });
by("view").addEventListener("change", () => run());
by("hybrid").addEventListener("change", () => run());
by("filter").addEventListener("change", () => run());
by("record").addEventListener("click", () => toggle(by("record"), (file) => {
  parts.addFile(file, "audio");
  run();
}).catch((error) => { by("said").textContent = `No microphone: ${error.message}`; }));
by("login").addEventListener("close", async () => {
  try { await api.login(by("key").value); location.reload(); } catch (error) { by("said").textContent = error.message; }
});
addEventListener("popstate", recall);
addEventListener("paste", (event) => take(event.clipboardData.files));
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
addEventListener("dragleave", () => document.body.classList.remove("dragging"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  take(event.dataTransfer.files);
});
addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
  if (event.key === "/" && !typing) { event.preventDefault(); by("words").focus(); }
  if (typing || !["ArrowRight", "ArrowLeft"].includes(event.key)) return;
  const cards = [...document.querySelectorAll("article[tabindex]")];
  const next = cards.indexOf(document.activeElement) + (event.key === "ArrowRight" ? 1 : -1);
  cards[next]?.focus();
});

await count();
recall();
