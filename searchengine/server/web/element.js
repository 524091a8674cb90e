// Elements, made in one call. Strings become text nodes: nothing here ever parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Own drawings on a 24 px grid, stroked; each entry is the `d` of one path. */
const PATHS = {
  text: "M5 6h14M5 10h14M5 14h9M5 18h6",
  image: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 3-3L20 17M15.5 9.2h.01",
  video: "M3.5 6h12v12h-12zM15.5 10.5l5-3v9l-5-3",
  audio: "M4 10v4M8 7v10M12 4v16M16 8v8M20 10.5v3",
  depth: "M12 3.5l8.5 4.75L12 13 3.5 8.25zM3.5 12.5L12 17.25l8.5-4.75M3.5 16.5L12 21.25l8.5-4.75",
  thermal: "M10 14.2V5a2 2 0 1 1 4 0v9.2a4 4 0 1 1-4 0zM12 9v8",
  imu: "M3 12h3.5l2.5-7 4 14 3-9 1.5 2H21",
  auto: "M12 4v3M12 17v3M4 12h3M17 12h3M6.5 6.5l2 2M15.5 15.5l2 2M17.5 6.5l-2 2M8.5 15.5l-2 2",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5L20 20",
  file: "M19 11.5l-7 7a4.6 4.6 0 0 1-6.5-6.5l7.5-7.5a3 3 0 0 1 4.3 4.3l-7.5 7.5a1.5 1.5 0 0 1-2.1-2.1l6.8-6.8",
  microphone: "M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
  camera: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4z",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  like: "M9.5 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM14.5 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12z",
  filter: "M4 7h16M7 12h10M10 17h4",
  grid: "M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM13.5 13.5h6v6h-6z",
  lanes: "M4 6h16M4 12h16M4 18h16M8 4v4M8 10v4M8 16v4",
  link: "M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.1-1.1",
  open: "M9 5H5v14h14v-4M13 5h6v6M19 5l-8 8",
  before: "M14.5 6l-6 6 6 6",
  after: "M9.5 6l6 6-6 6",
  alert: "M12 4l9 16H3zM12 10v4.5M12 17.2h.01",
};

/** Shapes that are filled, not stroked. */
const SOLID = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M7 5.5h3.5v13H7zM13.5 5.5H17v13h-3.5z",
  stop: "M7 7h10v10H7z",
};

/** An element; `on…` are listeners, known names are properties, all others attributes. */
export function make(name, given = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A drawing that says nothing to a screen reader; its button does. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  drawing.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SOLID[name] || PATHS[name]);
  if (SOLID[name]) path.classList.add("solid");
  drawing.append(path);
  return drawing;
}

/** A button that is only a drawing; `label` is what it is called. */
export function iconButton(name, label, onclick, given = {}) {
  const plain = { type: "button", class: "round", title: label, "aria-label": label };
  return make("button", { ...plain, onclick, ...given }, icon(name));
}

export const by = (id) => document.getElementById(id);
