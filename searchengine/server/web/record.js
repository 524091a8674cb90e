// The microphone, as a file. The button shows how loud it is.

let recorder = null;

export async function toggle(button, done) {
  if (recorder) return recorder.stop();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const chunks = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => chunks.push(event.data);
  recorder.onstop = () => {
    recorder = null;
    stream.getTracks().forEach((track) => track.stop());
    button.textContent = "Record";
    button.setAttribute("aria-pressed", "false");
    done(new File(chunks, "recording.webm", { type: "audio/webm" }));
  };
  recorder.start();
  button.setAttribute("aria-pressed", "true");
  meter(stream, button);
}

function meter(stream, button) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Uint8Array(analyser.fftSize);
  const draw = () => {
    if (!recorder) return context.close();
    analyser.getByteTimeDomainData(samples);
    const loud = Math.max(...samples.map((sample) => Math.abs(sample - 128)));
    button.textContent = `Stop ${"▮".repeat(Math.min(8, Math.ceil(loud / 8)))}`;
    requestAnimationFrame(draw);
  };
  draw();
}
