// Files that are dragged onto the page or pasted into it.

/** `take(files)` for each such; text that is pasted goes where it always goes. */
export function whenBrought(take) {
  let depth = 0;
  const over = (now) => { depth = now; document.body.classList.toggle("dragging", depth > 0); };
  const files = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (files(event)) over(depth + 1); });
  addEventListener("dragleave", (event) => { if (files(event)) over(Math.max(0, depth - 1)); });
  addEventListener("dragover", (event) => { if (files(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    over(0);
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) { event.preventDefault(); take(event.clipboardData.files); }
  });
}
