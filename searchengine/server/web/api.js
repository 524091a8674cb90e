// The server, as functions. Every failure is an Error with the text of its problem document.

const COLLECTION = new URLSearchParams(location.search).get("c") || "default";
const BASE = `/v1/collections/${encodeURIComponent(COLLECTION)}`;

async function ask(url, options) {
  const response = await fetch(url, options);
  if (response.status === 401) throw Object.assign(new Error("a key is needed"), { login: true });
  const body = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(body.detail || body.title);
  return body;
}

export function search(request, files) {
  const form = new FormData();
  form.set("request", JSON.stringify(request));
  for (const [name, file] of files) form.set(name, file, file.name);
  return ask(`${BASE}/search`, { method: "POST", body: form });
}

export const facets = () => ask(`${BASE}/facets`);

export const login = (key) => ask("/v1/session", {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ key }),
});
