// The result on show as a file.

import * as api from "./api.js";
import { estimate, mosaic } from "./estimate.js";
import { fileSize } from "./intake.js";
import { namesOf } from "./models.js";
import { t, Told, whenSpoken } from "./texts.js";
import { fields } from "./work.js";

const byId = (id) => document.getElementById(id);
const REST = 300; // ms without a change before a size is asked for
const ENDINGS = { png: "png", jpeg: "jpg", webp: "webp" };

/** Has the browser save a Blob. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** "a" of "a.tar.jpg"-like names: without the last ending. */
export const stem = (name) => name.replace(/\.\w+$/, "");

export const ending = (format) => ENDINGS[format];

/** calls: shown(), the result on show; busy(text), say(text), fail(error, again). */
export class Output {
  #calls;
  #tiles = null; // {url, of}: what sizes are estimated by, of which result
  #asking = null; // AbortController of the estimate under way

  constructor(calls) {
    this.#calls = calls;
    byId("save").addEventListener("click", () => this.#save());
    byId("format").addEventListener("change", () => this.draw());
    byId("quality").addEventListener("input", () => this.draw());
    byId("copy").addEventListener("click", () => this.#copy());
    // Browsers let pages copy pictures where the connection is safe.
    byId("copy").hidden = !navigator.clipboard?.write || !window.ClipboardItem;
    whenSpoken(() => this.draw());
  }

  /** The fields of /process that say how a picture is written. */
  get wishes() {
    const format = byId("format").value;
    const wishes = { format, keep_metadata: String(byId("keep-metadata").checked) };
    return format === "jpeg" ? { ...wishes, quality: byId("quality").value } : wishes;
  }

  draw() {
    byId("quality-box").hidden = byId("format").value !== "jpeg";
    byId("quality-text").textContent = byId("quality").value;
    this.#asking?.abort();
    byId("size").textContent = "";
    const shown = this.#calls.shown();
    if (!shown) return;
    const { format, quality } = this.wishes;
    if (format === "png") this.#tell("result.size", shown.blob.size);
    else this.#estimate(shown, { format, quality });
  }

  #tell(key, bytes) {
    byId("size").textContent = t(key, { size: fileSize(bytes) });
  }

  async #estimate({ url }, wishes) {
    const stop = (this.#asking = new AbortController());
    await new Promise((done) => setTimeout(done, REST));
    try {
      if (stop.signal.aborted) return;
      if (this.#tiles?.url !== url) this.#tiles = { url, of: mosaic(url) };
      const bytes = await estimate(await this.#tiles.of, wishes, stop.signal);
      if (!stop.signal.aborted) this.#tell("result.about", bytes);
    } catch (error) {
      // A size that is not known is not shown; what is wrong will be said when it is saved.
      if (!stop.signal.aborted && !(error instanceof api.Refusal)) throw error;
    }
  }

  async #copy() {
    const { blob } = this.#calls.shown();
    try {
      await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
      this.#calls.say(() => t("status.copied"));
    } catch {
      this.#calls.fail(new Told("error.copy"));
    }
  }

  async #save() {
    const { job, blob } = this.#calls.shown();
    const { wishes } = this;
    const name = `${stem(job.picture.name)}.${namesOf(job.models)}.${ending(wishes.format)}`;
    if (wishes.format === "png" && wishes.keep_metadata === "false") {
      save(blob, name); // what is on show is that file
      return;
    }
    this.#calls.busy(() => t("status.writing"));
    try {
      const made = await api.process({ ...fields(job), image: job.picture.file, ...wishes });
      save(made.blob, name);
      this.#calls.busy(null);
      this.#calls.say(() => t("status.saved", { size: fileSize(made.blob.size) }));
    } catch (error) {
      this.#calls.busy(null);
      this.#calls.fail(error, () => this.#save());
    }
  }
}
