// Answers as a person can see them. What files and metadata say goes in as text, never as HTML.

const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

export function skeletons(place) {
  place.replaceChildren(...Array.from({ length: 8 }, () => make("article", { className: "skeleton" })));
}

export function show(place, hits, view, act) {
  place.className = view;
  if (view !== "lanes") return place.replaceChildren(...hits.map((hit) => card(hit, act)));
  const lanes = Map.groupBy(hits, (hit) => hit.modality);
  place.replaceChildren(...[...lanes].map(([modality, mine]) => make("section", {},
    make("h2", { textContent: modality }),
    make("div", { className: "lane" }, ...mine.map((hit) => card(hit, act))))));
}

function card(hit, act) {
  const name = hit.path.split("/").pop();
  const about = hit.metadata.caption || hit.metadata.label || hit.metadata.title || "";
  const button = (textContent, action) => {
    const made = make("button", { type: "button", textContent });
    made.addEventListener("click", () => act(action, hit, name));
    return made;
  };
  const article = make("article", { tabIndex: 0 },
    make("div", { className: "seen" }, ...seen(hit, name)),
    make("div", { className: "about" },
      make("p", { textContent: about || name }),
      make("p", { className: "soft", textContent: `${hit.modality} · ${name}${when(hit.segment)}`, title: hit.path }),
      make("p", { className: "soft", textContent: why(hit) }),
      make("div", {}, button("More like this", "like"), button("+ add", "more"), button("− not this", "less"))));
  article.setAttribute("aria-label", `${hit.rank}: ${hit.modality}, ${about || name}`);
  return article;
}

function seen(hit, name) {
  if (hit.modality === "text") return [make("blockquote", { textContent: hit.text || "" })];
  const picture = make("img", { src: hit.preview_url, alt: `preview of ${name}`, loading: "lazy" });
  const start = hit.segment ? hit.segment.start : 0;
  if (hit.modality === "video" || hit.item_modality === "video") {
    return [make("video", { src: `${hit.media_url}#t=${start}`, poster: hit.preview_url, controls: true, preload: "none" })];
  }
  if (hit.modality === "audio") {
    return [picture, make("audio", { src: `${hit.media_url}#t=${start}`, controls: true, preload: "none" })];
  }
  return [picture];
}

function when(segment) {
  if (!segment || segment.unit !== "s") return "";
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
  return ` · ${clock(segment.start)}–${clock(segment.end)}`;
}

function why(hit) {
  if (hit.percentile === null) return `similarity ${hit.similarity.toFixed(2)}`;
  const share = (100 * hit.percentile).toFixed(hit.percentile > 0.99 ? 1 : 0);
  return `nearer than ${share} % of all ${hit.modality} (similarity ${hit.similarity.toFixed(2)})`;
}
