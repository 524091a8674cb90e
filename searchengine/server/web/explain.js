// Why a hit is where it is, in plain words.

import { make } from "./element.js";
import { KINDS } from "./kinds.js";
import { state } from "./state.js";

/** One line for under a hit. */
export function nearness(hit) {
  const { many } = KINDS[hit.modality];
  if (hit.percentile === null || hit.percentile === undefined) {
    return `Similarity ${hit.similarity.toFixed(2)}`;
  }
  const share = 100 * hit.percentile;
  if (share >= 99.95) return `Nearer than nearly all ${many}`;
  if (share < 1) return `Farther than nearly all ${many}`;
  return `Nearer than ${share >= 99 ? (Math.floor(share * 10) / 10).toFixed(1) : Math.floor(share)} % of ${many}`;
}

/** Paragraphs for the opened hit. */
export function explanation(hit) {
  const lines = [similarity(hit)];
  if (calibrated(hit)) lines.push(score(hit));
  if (hit.explain) lines.push(how(hit.explain.method));
  const parts = hit.explain?.parts || [];
  return make("div", { class: "why" },
    lines.map((text) => make("p", { textContent: text })),
    parts.length > 1 ? make("ul", { class: "why-parts" }, parts.map(part(hit))) : null);
}

const calibrated = (hit) => hit.percentile !== null && hit.percentile !== undefined;

function similarity(hit) {
  const said = `Its similarity with the query is ${hit.similarity.toFixed(3)}, where 1 is the same `
    + "and 0 is unrelated.";
  return calibrated(hit) ? `${nearness(hit)} in this collection. ${said}` : said;
}

/** The score, and why kinds that differ in similarity can share one list. */
function score(hit) {
  const { many } = KINDS[hit.modality];
  const value = Math.abs(hit.score).toFixed(1);
  const side = hit.score >= 0 ? "above" : "below";
  const strength = hit.score >= 4 ? "a strong match" : hit.score >= 2 ? "a fair match" : "a weak match";
  return `Its score is ${hit.score.toFixed(2)}: ${value} standard deviations ${side} what unrelated `
    + `${many} reach, ${strength}. Similarities differ from kind to kind; scores can be compared.`;
}

const how = (method) => (method === "exact"
  ? "Every candidate was compared, none was skipped."
  : `The nearest were found with an approximate index (${method}), then compared exactly.`);

/** How well the hit matches each part by itself; the parts come in the order they were asked. */
function part(hit) {
  const names = [...(state.words.trim() ? [`“${state.words.trim()}”`] : []),
    ...state.parts.map((one) => one.name)];
  return (one, at) => {
    const name = names[at] || KINDS[one.modality].one;
    const away = one.weight < 0;
    const strength = calibrated(hit) ? one.score : 5 * one.similarity;
    const bar = make("span", { class: away ? "bar away" : "bar" });
    bar.style.setProperty("--share", `${Math.max(2, Math.min(100, strength * 16))}%`);
    return make("li", {},
      make("span", { textContent: away ? `away from ${name}` : name }), bar,
      make("span", { class: "number", textContent: one.similarity.toFixed(2) }));
  };
}
