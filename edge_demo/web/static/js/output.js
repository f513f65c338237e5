// The result on show as a file.

import * as api from "./api.js";
import { megabytes } from "./intake.js";
import { namesOf } from "./models.js";
import { t, whenSpoken } from "./texts.js";
import { fields } from "./work.js";

const byId = (id) => document.getElementById(id);
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

  constructor(calls) {
    this.#calls = calls;
    byId("save").addEventListener("click", () => this.#save());
    byId("format").addEventListener("change", () => this.#draw());
    byId("quality").addEventListener("input", () => this.#draw());
    this.#draw();
  }

  /** The fields of /process that say how a picture is written. */
  get wishes() {
    const format = byId("format").value;
    const wishes = { format, keep_metadata: String(byId("keep-metadata").checked) };
    return format === "jpeg" ? { ...wishes, quality: byId("quality").value } : wishes;
  }

  #draw() {
    byId("quality-box").hidden = byId("format").value !== "jpeg";
    byId("quality-text").textContent = byId("quality").value;
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
      this.#calls.say(() => t("status.saved", { size: megabytes(made.blob.size) }));
    } catch (error) {
      this.#calls.busy(null);
      this.#calls.fail(error, () => this.#save());
    }
  }
}
