// The seven kinds of media: what people call them, and how to tell a file's kind by its name.

export const KINDS = {
  text: { one: "text", many: "texts", title: "Texts" },
  image: { one: "image", many: "images", title: "Images" },
  video: { one: "video", many: "videos", title: "Videos" },
  audio: { one: "sound", many: "sounds", title: "Sounds" },
  depth: { one: "depth map", many: "depth maps", title: "Depth" },
  thermal: { one: "infrared image", many: "infrared images", title: "Infrared" },
  imu: { one: "motion recording", many: "motion recordings", title: "Motion" },
};

export const NAMES = Object.keys(KINDS);

const ENDINGS = {
  text: ["txt", "md", "html", "htm", "srt", "vtt", "pdf"],
  image: ["jpg", "jpeg", "webp", "bmp", "gif", "avif", "heic", "heif"],
  video: ["mp4", "mkv", "mov", "avi", "m4v", "mpg", "mpeg", "ogv"],
  audio: ["wav", "flac", "mp3", "ogg", "oga", "opus", "m4a", "aac", "aif", "aiff"],
  depth: ["pfm", "exr"],
  imu: ["csv", "tsv"],
};

/**
 * The kind that a file's name gives away, else null: then the server decides, or asks. As when
 * indexing, `x.depth.png` and `thermal/x.png` say what a picture is; a bare `.png` is a picture.
 */
export function kindOf(file) {
  const path = (file.webkitRelativePath || file.name).toLowerCase();
  for (const kind of ["depth", "thermal", "imu"]) {
    if (path.includes(`.${kind}.`) || path.split("/").slice(0, -1).includes(kind)) return kind;
  }
  const ending = path.split(".").pop();
  return NAMES.find((kind) => ENDINGS[kind]?.includes(ending)) || null;
}

export const counted = (count, kind) =>
  `${count.toLocaleString("en")} ${count === 1 ? KINDS[kind].one : KINDS[kind].many}`;

/** 75.2 becomes 1:15. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const tail = `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  return whole < 3600 ? tail : `${Math.floor(whole / 3600)}:${tail.padStart(5, "0")}`;
}

export const fileName = (path) => path.split(/[\\/]/).pop();

/** What to call an item: its caption, else its title or label, else its file's name. */
export function titleOf({ metadata, path }) {
  const said = [metadata.caption, metadata.title, metadata.label];
  return said.find((one) => typeof one === "string" && one.trim()) || fileName(path);
}

export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = count < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${power && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}
