// A query from the microphone or the camera, as a file.

import { by, iconButton, make } from "./element.js";
import { clock } from "./kinds.js";

/** Longer recordings stop by themselves. */
const LONGEST_S = 30;
const TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg"];

/** Why there may be no device: said before asking for it, as browsers then only say "undefined". */
function devices() {
  if (navigator.mediaDevices?.getUserMedia) return navigator.mediaDevices;
  throw new Error("the browser gives microphone and camera only to https pages and localhost");
}

const reason = (error) => ({
  NotAllowedError: "permission was refused; allow it beside the address of this page",
  NotFoundError: "none is connected",
  NotReadableError: "another program is using it",
}[error.name] || error.message);

/** Opens the microphone panel; `done(file)` when somebody stops it, `fail(text)` otherwise. */
export async function sound(done, fail) {
  if (by("recording").childElementCount) return;
  try {
    const stream = await devices().getUserMedia({ audio: true });
    listen(stream, done);
  } catch (error) {
    fail(`No microphone: ${reason(error)}.`);
  }
}

function listen(stream, done) {
  const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  const chunks = [];
  let kept = true;
  const panel = recordingPanel(() => recorder.stop(), () => { kept = false; recorder.stop(); });
  const meter = levels(stream, panel);
  recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
  recorder.addEventListener("stop", () => {
    meter.stop();
    stream.getTracks().forEach((track) => track.stop());
    by("recording").replaceChildren();
    if (kept) done(recorded(chunks, recorder.mimeType));
  });
  recorder.start();
}

function recorded(chunks, type) {
  const bare = (type || "audio/webm").split(";")[0];
  return new File(chunks, `recording.${bare.split("/")[1]}`, { type: bare });
}

function recordingPanel(stop, cancel) {
  const time = make("span", { class: "time", textContent: "0:00" });
  const canvas = make("canvas", { width: 640, height: 64, "aria-hidden": "true" });
  const finish = make("button", {
    type: "button", class: "primary", textContent: "Stop and search", onclick: stop,
  });
  const panel = make("div", { class: "panel recording", role: "group", "aria-label": "Recording" },
    make("span", { class: "dot" }), time, canvas, finish,
    iconButton("close", "Discard the recording", cancel));
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") cancel(); });
  by("recording").replaceChildren(panel);
  finish.focus();
  return { time, canvas, stop };
}

/** Draws how loud it is, ten bars a second, and stops after the longest time. */
function levels(stream, { time, canvas, stop }) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const bars = [];
  const began = performance.now();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    bars.push(Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length));
    const seconds = (performance.now() - began) / 1000;
    time.textContent = clock(seconds);
    drawBars(canvas, bars);
    if (seconds > LONGEST_S) stop();
  }, 100);
  return { stop: () => { clearInterval(timer); context.close(); } };
}

function drawBars(canvas, bars) {
  const pen = canvas.getContext("2d");
  const { width, height } = canvas;
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = getComputedStyle(canvas).color;
  bars.slice(-width / 8).forEach((loud, at) => {
    const tall = Math.max(4, Math.min(1, Math.sqrt(loud) * 1.6) * height);
    pen.beginPath();
    pen.roundRect(8 * at, (height - tall) / 2, 4, tall, 2);
    pen.fill();
  });
}

/** Opens the camera; `done(file)` with a JPEG, `fail(text)` otherwise. */
export async function photo(done, fail) {
  try {
    const stream = await devices().getUserMedia({ video: { facingMode: "environment" } });
    view(stream, done);
  } catch (error) {
    fail(`No camera: ${reason(error)}.`);
  }
}

function view(stream, done) {
  const video = make("video", { autoplay: true, muted: true, playsInline: true });
  video.srcObject = stream;
  const dialog = make("dialog", { class: "camera", "aria-label": "Take a photo" }, video,
    make("div", { class: "bar" },
      make("button", { type: "button", textContent: "Cancel", onclick: () => dialog.close() }),
      make("button", {
        type: "button", class: "primary", textContent: "Take photo",
        onclick: () => still(video, (file) => { dialog.close(); done(file); }),
      })));
  dialog.addEventListener("close", () => {
    stream.getTracks().forEach((track) => track.stop());
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function still(video, done) {
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => {
    if (blob) done(new File([blob], "photo.jpg", { type: "image/jpeg" }));
  }, "image/jpeg", 0.9);
}
