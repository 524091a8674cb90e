// Sounds and videos, played in place from where the hit begins. One plays at a time.

import { icon, iconButton, make } from "./element.js";
import { clock } from "./kinds.js";

let playing = null;

function takeTurn(media) {
  if (playing && playing !== media) playing.pause();
  playing = media;
}

export function hush() {
  playing?.pause();
  playing = null;
}

const span = (hit) => (hit.segment?.unit === "s"
  ? [hit.segment.start, hit.segment.end] : [0, hit.duration_s || null]);

/** "0:05 – 0:10", or how long the whole is; empty for what has no time. */
export function when(hit) {
  if (hit.segment?.unit === "s") return `${clock(hit.segment.start)} – ${clock(hit.segment.end)}`;
  return hit.duration_s ? clock(Math.max(1, Math.round(hit.duration_s))) : "";
}

const cannot = (hit) => make("p", { class: "cannot" },
  "This browser cannot play this file. ",
  make("a", { href: hit.media_url, download: "", textContent: "Download it" }));

/** A waveform in the page's own colours: the picture is a mask. */
export function wave(picture) {
  const drawn = make("span", { class: "wave" });
  drawn.style.maskImage = `url(${JSON.stringify(picture)})`;
  return drawn;
}

/**
 * A waveform that is filled as far as it has played. The slider over it is what keyboard and
 * screen reader use.
 */
export function sound(hit, preview, called) {
  const [start, end] = span(hit);
  const drawn = wave(preview);
  const time = make("span", { class: "time", textContent: clock(start) });
  const seek = make("input", {
    type: "range", min: "0", max: "1000", value: "0", class: "seek",
    "aria-label": `Position in ${called}`, "aria-valuetext": clock(start),
  });
  const button = iconButton("play", `Play ${called}`, () => toggle(), { class: "round play" });
  const box = make("div", { class: "sound" }, button,
    make("div", { class: "track" }, drawn, seek), time);
  const toggle = soundControl({ hit, start, end, wave: drawn, seek, time, button, box, called });
  return box;
}

function soundControl(part) {
  const { hit, start, seek, box, button } = part;
  let audio = null;
  const ready = () => {
    if (audio) return audio;
    audio = new Audio(`${hit.media_url}#t=${start}`);
    audio.preload = "auto";
    audio.addEventListener("loadedmetadata", () => { audio.currentTime = at(part, audio, seek.value); });
    audio.addEventListener("error", () => box.replaceChildren(cannot(hit)));
    audio.addEventListener("timeupdate", () => shown(part, audio));
    for (const event of ["play", "pause"]) audio.addEventListener(event, () => face(part, audio));
    return audio;
  };
  seek.addEventListener("input", () => {
    if (!audio) ready();
    if (audio.readyState > 0) audio.currentTime = at(part, audio, seek.value);
  });
  button.addEventListener("pointerenter", ready, { once: true });
  return () => {
    ready();
    if (!audio.paused) return audio.pause();
    takeTurn(audio);
    if (audio.currentTime >= limit(part, audio) - 0.05) audio.currentTime = start;
    return audio.play().catch(() => {});
  };
}

const limit = ({ end }, audio) => Math.min(end ?? Infinity, audio.duration || Infinity);
const at = (part, audio, value) => {
  const until = limit(part, audio);
  return Number.isFinite(until) ? part.start + (until - part.start) * (value / 1000) : part.start;
};

function shown(part, audio) {
  const { start, seek, time, wave } = part;
  const until = limit(part, audio);
  const share = Math.max(0, Math.min(1, (audio.currentTime - start) / (until - start) || 0));
  seek.value = String(Math.round(1000 * share));
  seek.setAttribute("aria-valuetext", clock(audio.currentTime));
  wave.style.setProperty("--played", `${100 * share}%`);
  time.textContent = clock(audio.currentTime);
  if (audio.currentTime >= until && !audio.paused) audio.pause();
}

function face({ button, called }, audio) {
  button.replaceChildren(icon(audio.paused ? "play" : "pause"));
  button.setAttribute("aria-label", `${audio.paused ? "Play" : "Pause"} ${called}`);
}

/** A poster that becomes a video at the hit's start when pressed. */
export function film(hit, preview, called) {
  const [start] = span(hit);
  const poster = make("img", { src: preview, alt: "", loading: "lazy" });
  const box = make("div", { class: "film" }, poster);
  const play = iconButton("play", `Play ${called} from ${clock(start)}`, () => {
    const video = make("video", {
      src: `${hit.media_url}#t=${start}`, poster: preview, controls: true, playsInline: true,
      "aria-label": called,
    });
    video.addEventListener("loadedmetadata", () => { video.currentTime = start; }, { once: true });
    video.addEventListener("play", () => takeTurn(video));
    video.addEventListener("error", () => box.replaceChildren(poster, cannot(hit)));
    box.replaceChildren(video);
    video.focus();
    video.play().catch(() => {});
  }, { class: "round play" });
  box.append(play);
  return box;
}
