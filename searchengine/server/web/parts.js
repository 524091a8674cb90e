// The parts of a query: files, items and their weights. Words are in the search box.

export const parts = [];
let changed = () => {};

export function onChange(callback) { changed = callback; }

export function addFile(file, modality) {
  parts.push({ key: `f${Date.now()}${parts.length}`, file, modality, weight: 1, name: file.name });
  show();
}

export function addItem(id, name, weight = 1) {
  parts.push({ id, name, weight });
  show();
}

export function clear() { parts.length = 0; show(); }

export function asQuery() {
  return parts.map((part) => part.id
    ? { id: part.id, weight: part.weight }
    : { file: part.key, name: part.file.name, weight: part.weight,
        ...(part.modality ? { modality: part.modality } : {}) });
}

export const files = () => parts.filter((part) => part.file).map((part) => [part.key, part.file]);

export function show() {
  const list = document.getElementById("parts");
  list.replaceChildren(...parts.map(chip));
  changed();
}

function chip(part) {
  const item = document.createElement("li");
  if (part.file && part.file.type.startsWith("image/")) {
    const image = document.createElement("img");
    image.src = URL.createObjectURL(part.file);
    image.alt = "";
    item.append(image);
  }
  const name = document.createElement("span");
  name.textContent = `${part.weight < 0 ? "not " : ""}${part.name}`;
  const weight = Object.assign(document.createElement("input"),
    { type: "range", min: -1, max: 1, step: 0.1, value: part.weight });
  weight.setAttribute("aria-label", `weight of ${part.name}, below 0 moves away`);
  weight.addEventListener("change", () => { part.weight = Number(weight.value) || 0.1; show(); });
  const away = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
  away.setAttribute("aria-label", `remove ${part.name}`);
  away.addEventListener("click", () => { parts.splice(parts.indexOf(part), 1); show(); });
  item.append(name, weight, away);
  return item;
}
