// Why a hit is where it is, in plain words.

import { make } from "./element.js";
import { KINDS } from "./kinds.js";
import { searchedWords } from "./query.js";
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
  if (calibrated(hit) && hit.explain) lines.push(score(hit));
  if (hit.explain) lines.push(how(hit));
  if (state.hybrid && searchedWords().length) lines.push("Hits that have the very words were moved up.");
  if (state.diverse) lines.push("Among the first hundred, hits that are unlike earlier ones were moved up.");
  const parts = hit.explain?.parts || [];
  return make("div", { class: "why" },
    lines.map((text) => make("p", { textContent: text })),
    parts.length > 1 ? make("ul", { class: "why-parts" }, parts.map(part(hit))) : null);
}

const calibrated = (hit) => hit.percentile !== null && hit.percentile !== undefined;

function similarity(hit) {
  const said = `Its similarity with the query is ${hit.similarity.toFixed(3)}, where 1 would be the same.`;
  return calibrated(hit) ? `${nearness(hit)} in this collection. ${said}` : said;
}

/**
 * How far it is above strangers, and why kinds that differ in similarity can share one list.
 * `hit.score` is another number in lanes and with very words.
 */
function score({ modality, similarity, explain: { closeness, mean, deviation } }) {
  const { many } = KINDS[modality];
  const far = (closeness - mean) / deviation;
  const side = far >= 0 ? "above" : "below";
  const strength = far >= 4 ? "a strong match" : far >= 2 ? "a fair match" : "a weak match";
  const without = Math.abs(closeness - similarity) > 0.005 ? "Without what all such queries share, " : "";
  const said = `${without}unrelated ${many} have ${mean.toFixed(2)}, and it has ${closeness.toFixed(2)}`;
  return `${said[0].toUpperCase()}${said.slice(1)}: ${Math.abs(far).toFixed(1)} standard deviations `
    + `${side}, ${strength}. Similarities differ from kind to kind; deviations can be compared.`;
}

/** As the server writes it: "exact", or "IVF894,PQ512x4fs, 12 of 894 lists, 4 x k reranked". */
const PROBED = /^(.+), (\d+) of (\d+) lists, \d+ x k reranked$/;

function how({ modality, explain: { method } }) {
  const { many } = KINDS[modality];
  const [, index, probes, lists] = PROBED.exec(method) || [];
  if (!index) return `All ${many} that could be found were compared with the query, none was skipped.`;
  return `An index of the ${many} (${index}) was searched: ${probes} of its ${lists} groups, the nearest `
    + "ones. The best of these were compared exactly; a good one elsewhere may have been missed.";
}

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
