// Results as files: of the picture on show, and of several at once.

import * as api from "./api.js";
import { megabytes } from "./intake.js";
import { fields } from "./work.js";

const byId = (id) => document.getElementById(id);
const ENDINGS = { png: "png", jpeg: "jpg" };

/** Has the browser save a Blob. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** calls: job(), what is worked on; shown(), the result on show; busy(text), say(text), fail(error). */
export class Output {
  #calls;
  #batch = [];

  constructor(calls) {
    this.#calls = calls;
    const on = (id, action) => byId(id).addEventListener("click", action);
    on("save-png", () => this.#save("png"));
    on("save-jpeg", () => this.#save("jpeg"));
    on("batch-run", () => this.#runBatch());
    on("batch-close", () => this.offer([]));
  }

  async #save(format) {
    const { job, blob } = this.#calls.shown();
    const keep = byId("keep-metadata").checked;
    const name = `${job.picture.name.replace(/\.\w+$/, "")}.${job.model.name}.${ENDINGS[format]}`;
    if (format === "png" && !keep) {
      save(blob, name); // what is on show is that file
      return;
    }
    const entries = { ...fields(job), image: job.picture.file, format };
    await this.#asked("Making the file…", async () => {
      const made = await api.process({ ...entries, keep_metadata: String(keep) });
      save(made.blob, name);
      return `Saved, ${megabytes(made.blob.size)}.`;
    });
  }

  /** Several photographs, of which the first is on show. */
  offer(files) {
    this.#batch = files.length > 1 ? files : [];
    byId("batch").hidden = !this.#batch.length;
    byId("batch-text").textContent = `${this.#batch.length} photographs; this is the first.`;
  }

  async #runBatch() {
    const files = this.#batch;
    const job = { ...this.#calls.job(), hints: [] }; // those are of one picture
    byId("batch-run").disabled = true;
    await this.#asked(`Working on ${files.length} photographs…`, async () => {
      const made = await api.process({ ...fields(job), image: files, format: "png" });
      save(made.blob, `chromaedge.${job.model.name}.zip`);
      this.offer([]);
      const failed = made.failed ? ` ${made.failed} could not be done; the manifest says why.` : "";
      return `Saved a ZIP of ${files.length - made.failed} photographs.${failed}`;
    });
    byId("batch-run").disabled = false;
  }

  async #asked(text, action) {
    this.#calls.busy(text);
    try {
      const done = await action();
      this.#calls.busy("");
      this.#calls.say(done);
    } catch (error) {
      this.#calls.busy("");
      this.#calls.fail(error);
    }
  }
}
