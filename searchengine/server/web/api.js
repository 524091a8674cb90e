// The server, as functions. Every failure is a Problem with the text of its document.

export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    Object.assign(this, { status, title });
  }
}

/** Tries beyond the first, and the longest wait between them, when the server is busy. */
const AGAIN = 4;
const LONGEST_S = 5;

let askForKey = null;
let base = "/v1/collections/default";

/** `ask` returns once somebody logged in; it is called when the server wants a key. */
export const whenLocked = (ask) => { askForKey = ask; };

export const useCollection = (name) => { base = `/v1/collections/${encodeURIComponent(name)}`; };

const sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

async function fetched(path, options) {
  try {
    return await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "NoAnswer", "The server does not answer. Is it still running?");
  }
}

async function problem(response) {
  const said = await response.json().catch(() => ({}));
  return new Problem(response.status, said.title || response.statusText, said.detail);
}

/** The JSON of an answer, null for an empty one. Asks for a key, waits when busy. */
async function call(path, options = {}, tries = AGAIN) {
  const response = await fetched(path, options);
  if (response.ok) return response.status === 204 ? null : response.json();
  if (response.status === 401 && askForKey && path !== "/v1/session") {
    await askForKey();
    return call(path, options, tries);
  }
  const wait = Number(response.headers.get("retry-after"));
  if ([429, 503].includes(response.status) && wait > 0 && tries > 0) {
    await sleep(Math.min(wait, LONGEST_S));
    return call(path, options, tries - 1);
  }
  throw await problem(response);
}

const send = (method, path, document) => call(path, {
  method, headers: { "content-type": "application/json" }, body: JSON.stringify(document),
});

/** `files` maps names of form fields to files; `request` is the JSON beside them. */
export function search(request, files, signal) {
  if (!files.size) {
    const headers = { "content-type": "application/json" };
    return call(`${base}/search`, { method: "POST", headers, body: JSON.stringify(request), signal });
  }
  const form = new FormData();
  form.set("request", JSON.stringify(request));
  for (const [name, file] of files) form.set(name, file, file.name);
  return call(`${base}/search`, { method: "POST", body: form, signal });
}

export const item = (id) => call(`${base}/items/${Number(id)}`);
export const items = (given) => call(`${base}/items?${new URLSearchParams(given)}`);
export const facets = (filter) =>
  call(`${base}/facets${filter ? `?${new URLSearchParams({ filter })}` : ""}`);
export const collections = () => call("/v1/collections");
export const models = () => call("/v1/models");
export const login = (key) => send("POST", "/v1/session", { key });

/** Where an item, or one of its segments, can be seen. */
export const previewUrl = (id, more = {}) =>
  `${base}/items/${Number(id)}/preview?${new URLSearchParams(more)}`;
export const sized = (url, size) => `${url}${url.includes("?") ? "&" : "?"}size=${size}`;

/**
 * A picture of a file that is not indexed, null where the server draws none, and the modality it
 * was taken for; `modality` null leaves that to the server.
 */
export async function preview(file, modality, size) {
  const form = new FormData();
  form.set("file", file, file.name);
  const query = new URLSearchParams({ size, ...(modality ? { modality } : {}) });
  const response = await fetched(`/v1/preview?${query}`, { method: "POST", body: form });
  const drawn = response.ok && response.headers.get("content-type").startsWith("image/");
  const taken = response.headers.get("searchengine-modality");
  return { picture: drawn ? await response.blob() : null, taken };
}

export const roots = () => call("/v1/roots");
export const jobs = () => call("/v1/jobs");
export const start = (job) => send("POST", "/v1/jobs", job);
export const cancel = (id) => call(`/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });

/** Calls `tell` with each state of a job, until it is over. Returns how to stop listening. */
export function follow(id, tell) {
  const source = new EventSource(`/v1/jobs/${encodeURIComponent(id)}/events`);
  source.addEventListener("message", (event) => {
    const job = JSON.parse(event.data);
    if (isOver(job)) source.close();
    tell(job);
  });
  return () => source.close();
}

export const isOver = (job) => ["done", "failed", "cancelled"].includes(job.state);

/** `modality` empty: the file's name says what it is. */
export function upload(file, modality) {
  const form = new FormData();
  if (modality) form.set("modality", modality);
  form.set("file", file, file.name);
  return call(`${base}/items`, { method: "POST", body: form });
}
