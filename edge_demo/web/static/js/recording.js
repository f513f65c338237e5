// Records what an <img> shows, picture after picture, as a WebM file.

const RATE = 25; // pictures a second: as many as a camera gives, or each of them more than once

export class Recording {
  #recorder;
  #timer;
  #pieces = [];

  /** Whether this browser can. */
  static get known() {
    return Boolean(window.MediaRecorder?.isTypeSupported("video/webm"));
  }

  /** Begins; the image has to show something. */
  constructor(image) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d");
    const draw = () => context.drawImage(image, 0, 0, canvas.width, canvas.height);
    draw();
    this.#recorder = new MediaRecorder(canvas.captureStream(RATE), { mimeType: "video/webm" });
    this.#recorder.addEventListener("dataavailable", ({ data }) => this.#pieces.push(data));
    this.#recorder.start();
    this.#timer = setInterval(draw, 1000 / RATE);
  }

  /** Ends; the file, a Blob. */
  async end() {
    clearInterval(this.#timer);
    const ended = new Promise((done) => {
      this.#recorder.addEventListener("stop", done, { once: true });
    });
    this.#recorder.stop();
    await ended;
    return new Blob(this.#pieces, { type: "video/webm" });
  }
}
