// The key, asked for once: the server keeps a cookie that scripts cannot read.

import * as api from "./api.js";
import { make } from "./element.js";

let asking = null;

/** Resolves once the server took a key. Callers that come meanwhile wait for the same. */
export function askForKey() {
  asking ??= new Promise(show).finally(() => { asking = null; });
  return asking;
}

function show(done) {
  const key = make("input", {
    id: "key", type: "password", autocomplete: "current-password", required: true,
  });
  const wrong = make("p", { class: "wrong", role: "alert" });
  const form = make("form", {
    class: "login-form",
    onsubmit: async (event) => {
      event.preventDefault();
      wrong.textContent = "";
      try {
        await api.login(key.value.trim());
        dialog.remove();
        done();
      } catch (error) {
        wrong.textContent = error.status === 401 ? "The server knows no such key." : error.message;
        key.select();
      }
    },
  }, make("h2", { textContent: "This library needs a key" }),
  make("p", { class: "soft" }, "Whoever runs the server makes one with ",
    make("code", { textContent: "searchengine key create NAME" }), "."),
  make("label", { htmlFor: "key", textContent: "Key" }), key, wrong,
  make("button", { class: "primary", textContent: "Continue" }));
  const dialog = make("dialog", { class: "login", "aria-label": "Log in" }, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
}
