// Several photographs: each is looked at, treated by what it is, and saved with the others.

import * as api from "./api.js";
import { check } from "./intake.js";
import { titleOf } from "./models.js";
import { ending, save, stem } from "./output.js";
import { listed, t, whenSpoken } from "./texts.js";
import { fields, followed } from "./work.js";
import { zipped } from "./zip.js";

const byId = (id) => document.getElementById(id);

export const MOST = 200; // files

// What is said of a photograph in each state, if anything.
const TEXTS = {
  waiting: () => "",
  looking: () => t("status.looking"),
  working: ({ task, share }) =>
    share
      ? t("batch.share", { task: titleOf(task), n: Math.floor(100 * share) })
      : t("batch.working", { task: titleOf(task) }),
  same: () => t("batch.same"),
  done: ({ task }) => titleOf(task),
  cancelled: () => t("batch.cancelled"),
  failed: ({ error }) => error.message,
};

/**
 * calls: limits(); model(task) for the model that does it, settings(task) for its options;
 * wishes() for how results are written; show(file) for one that somebody turns to; fail(error).
 */
export class Batch {
  #calls;
  #items = []; // {file, state, task, share, error, blob}
  #stop = null; // of the work under way

  constructor(calls) {
    this.#calls = calls;
    const on = (id, action) => byId(id).addEventListener("click", action);
    on("batch-run", () => this.#run(["waiting", "cancelled"]));
    on("batch-retry", () => this.#run(["failed", "cancelled"]));
    on("batch-cancel", () => this.#stop?.abort());
    on("batch-save", () => this.#save());
    on("batch-close", () => this.offer([]));
    whenSpoken(() => this.#draw());
  }

  /** Photographs, of which the first is on show; one alone needs no list. */
  offer(files) {
    this.#stop?.abort();
    const all = files.length > 1 ? files : [];
    this.#items = all.map((file) => ({ file, state: "waiting", blob: null }));
    byId("batch").hidden = !all.length;
    byId("batch-list").replaceChildren(...this.#items.map((item) => this.#row(item)));
    this.#draw();
  }

  async #run(states) {
    const stop = (this.#stop = new AbortController());
    for (const item of this.#items.filter(({ state }) => states.includes(state))) {
      this.#put(item, "waiting");
    }
    for (const item of this.#items.filter(({ state }) => state === "waiting")) {
      if (stop.signal.aborted) break;
      await this.#do(item, stop.signal);
    }
    if (this.#stop === stop) this.#stop = null;
    this.#draw();
  }

  async #do(item, signal) {
    const { file } = item;
    try {
      this.#put(item, "looking");
      await check(file, this.#calls.limits());
      const { task } = await api.look({ image: file }, { signal });
      if (!task) {
        this.#put(item, "same", { blob: file });
        return;
      }
      const model = this.#calls.model(task);
      const job = { models: [model], settings: this.#calls.settings(task), hints: [], reference: null };
      const entries = { ...fields(job), image: file, ...this.#calls.wishes() };
      const done = await followed(entries, { signal }, (_, share) => {
        this.#put(item, "working", { task, share });
      });
      item.ending = ending(entries.format);
      this.#put(item, "done", { task, blob: done.blob });
    } catch (error) {
      if (signal.aborted) this.#put(item, "cancelled");
      else this.#put(item, "failed", { error });
    }
  }

  async #save() {
    byId("batch-save").disabled = true;
    const files = this.#items
      .map((item, at) => ({ ...item, number: String(at + 1).padStart(3, "0") }))
      .filter(({ blob }) => blob)
      .map(({ file, blob, state, number, ending: kind }) => ({
        // The number keeps pictures of one name apart.
        name: `${number}_${state === "same" ? file.name : `${stem(file.name)}.${kind}`}`,
        blob,
      }));
    try {
      save(await zipped(files), "chromaedge.zip");
    } catch (error) {
      this.#calls.fail(error);
    }
    this.#draw();
  }

  // ------------------------------------------------------------------------------- drawing

  #put(item, state, more = {}) {
    Object.assign(item, { state, blob: null, ...more });
    this.#draw();
  }

  #row(item) {
    const row = document.createElement("li");
    const name = document.createElement("button");
    name.type = "button";
    name.className = "link";
    name.textContent = item.file.name;
    name.addEventListener("click", () => this.#calls.show(item.file));
    const text = document.createElement("span");
    text.className = "quiet";
    row.append(name, text);
    item.row = row;
    return row;
  }

  #draw() {
    const count = (...states) => this.#items.filter(({ state }) => states.includes(state)).length;
    for (const item of this.#items) {
      item.row.dataset.state = item.state;
      item.row.firstElementChild.title = t("batch.show");
      item.row.lastElementChild.textContent = TEXTS[item.state](item);
    }
    const running = Boolean(this.#stop);
    const [done, failed] = [count("done", "same"), count("failed")];
    const all = this.#items.length;
    const parts = [t("batch.count", { count: all })];
    if (running || done) parts.push(t("batch.done", { count: done }));
    if (failed) parts.push(t("batch.failed", { count: failed }));
    byId("batch-text").textContent = listed(parts);
    byId("batch-bar").value = all ? (done + failed) / all : 0;
    byId("batch-bar").hidden = !running;
    byId("batch-run").hidden = running || !count("waiting", "cancelled");
    byId("batch-cancel").hidden = !running;
    byId("batch-retry").hidden = running || !failed;
    byId("batch-save").hidden = byId("batch-save").disabled = running || !done;
  }
}
