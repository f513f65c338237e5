// A video: sent, followed with its newest frame, and fetched. One at a time, as the server has it.

import * as api from "./api.js";
import { draw, fileSize, newId, toBlob } from "./intake.js";
import { drawModels, titleOf } from "./models.js";
import { save, stem } from "./output.js";
import { t, Told, whenSpoken } from "./texts.js";
import { shareText } from "./work.js";

const byId = (id) => document.getElementById(id);

const FRAME = 512; // pixels a side of the frame that is looked at
const MISSES = 20; // answers in a row that do not come, before the device is taken for gone

/**
 * calls: limits(); tasks(), those that there are models of; models(task), those; open(), it is to be on show;
 * busy(text() or null, share), say(text()), fail(error, again).
 */
export class Video {
  #calls;
  #file = null;
  #facts = null; // {width, height, seconds} as the browser knows them; null where it does not
  #task = "chroma";
  #model = ""; // a name of the task's; "": the usual one
  #stop = null; // AbortController of the work under way
  #job = null; // what the server calls the video, while it has it
  #left = null; // the promise that the server has forgotten the one before
  #result = null; // Blob
  #shown = null; // address of what is on show

  constructor(calls) {
    this.#calls = calls;
    byId("video-run").addEventListener("click", () => this.#run());
    byId("video-model").addEventListener("change", ({ target }) => {
      this.#model = target.value;
      this.#result = null;
      this.#draw();
    });
    byId("video-save").addEventListener("click", () => {
      save(this.#result, `${stem(this.#file.name)}.${this.#task}.mp4`);
    });
    addEventListener("pagehide", () => this.#leave());
    whenSpoken(() => this.#draw());
  }

  get file() {
    return this.#file;
  }

  get working() {
    return Boolean(this.#stop);
  }

  /** Another video, looked at as far as the browser can show it. Throws a Told of one too large. */
  async begin(file) {
    const limits = this.#calls.limits();
    const { name } = file;
    const [size, most] = [file.size, limits.video_bytes];
    if (size > most) {
      throw new Told("error.large", { name, size: fileSize(size), most: fileSize(most) });
    }
    const { facts, frame } = await read(file);
    if (facts?.seconds > limits.video_seconds) {
      const [seconds, longest] = [Math.ceil(facts.seconds), limits.video_seconds];
      throw new Told("error.long", { name, seconds, most: longest });
    }
    if (facts && facts.width * facts.height > limits.video_pixels) {
      throw new Told("error.frames", { name, ...facts, most: sides(limits.video_pixels) });
    }
    const look = frame && (await api.look({ image: frame }));
    this.close();
    this.#file = file;
    this.#facts = facts;
    const tasks = this.#calls.tasks();
    this.#take(tasks.includes(look?.task) ? look.task : tasks[0]);
    this.#play(facts ? file : null);
    this.#calls.open();
    this.#draw();
  }

  /** Away with it. */
  close() {
    this.cancel();
    this.#file = this.#result = this.#facts = null;
    this.#play(null);
  }

  cancel() {
    this.#stop?.abort();
    this.#leave();
    this.#stop = null;
    if (this.#file) this.#draw();
  }

  /** Has the server forget it. */
  #leave() {
    if (!this.#job) return;
    this.#left = api.cancelVideo(this.#job).catch(() => {}); // it forgets by itself, too
    this.#job = null;
  }

  async #run() {
    const stop = (this.#stop = new AbortController());
    const { signal } = stop;
    this.#result = null;
    this.#draw();
    try {
      const job = `video-${newId()}`;
      const model = this.#model || null;
      const entries = { video: this.#file, mode: this.#task, model, job };
      this.#calls.busy(() => t("video.sending", { n: 0 }), 0);
      await this.#left;
      await api.sendVideo(entries, signal, (share) => {
        this.#calls.busy(() => t("video.sending", { n: Math.floor(100 * share) }), share);
      });
      this.#job = job;
      const notes = await this.#follow(job, signal);
      this.#calls.busy(() => t("video.fetching"), 0);
      this.#result = await api.videoResult(job, { signal });
      this.#job = null;
      this.#play(this.#result);
      this.#calls.busy(null);
      const size = fileSize(this.#result.size);
      this.#calls.say(() => [t("video.done", { size }), ...notes].join(" "));
    } catch (error) {
      if (signal.aborted) return;
      this.#leave();
      this.#calls.busy(null);
      this.#calls.fail(error, () => this.#run());
    } finally {
      if (this.#stop === stop) this.#stop = null;
      if (this.#file) this.#draw();
    }
  }

  /** Waits for the end, and tells meanwhile how far it is; the server's notes. */
  async #follow(job, signal) {
    const began = performance.now();
    const beats = new Worker(new URL("beat.js", import.meta.url));
    let missed = 0;
    try {
      for (;;) {
        await new Promise((done, failed) => {
          beats.onmessage = done;
          signal.onabort = () => failed(signal.reason);
        });
        const found = await api.progress(job, signal).catch(() => null);
        if (signal.aborted) throw signal.reason;
        missed = found ? 0 : missed + 1;
        if (missed === MISSES) throw new api.Refusal();
        if (!found) continue;
        if (found.state === "failed") throw new api.Refusal(422, found.error);
        if (found.state === "done") return found.notes;
        if (found.state !== "working") throw new api.Refusal(0, "", "error.video.gone");
        const { share } = found;
        const seconds = (performance.now() - began) / 1000;
        this.#calls.busy(() => shareText(share, seconds), share);
        if (share) this.#frame(await api.videoFrame(job, { signal }));
      }
    } finally {
      beats.terminate();
    }
  }

  // -------------------------------------------------------------------------------- drawing

  #draw() {
    if (!this.#file) return;
    const limits = this.#calls.limits();
    byId("video-name").textContent = [
      this.#file.name,
      this.#facts && `${this.#facts.width} × ${this.#facts.height}`,
      fileSize(this.#file.size),
    ].filter(Boolean).join(" · ");
    byId("video-tasks").replaceChildren(...this.#calls.tasks().map((task) => this.#radio(task)));
    const models = byId("video-model");
    drawModels(models, this.#calls.models(this.#task), this.#model, true);
    models.disabled = this.working;
    byId("video-text").textContent = t(`${this.#task}.doing`);
    byId("video-limits").textContent = limitsText(limits);
    byId("video-run").hidden = this.working || Boolean(this.#result);
    byId("video-save").hidden = !this.#result;
  }

  #take(task) {
    this.#task = task;
    this.#model = "";
  }

  #radio(task) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "video-task", value: task });
    input.checked = task === this.#task;
    input.disabled = this.working;
    input.addEventListener("change", () => {
      this.#take(task);
      this.#result = null;
      this.#draw();
      byId("video-tasks").querySelector(":checked").focus({ preventScroll: true });
    });
    const text = document.createElement("span");
    text.textContent = titleOf(task);
    label.append(input, text);
    return label;
  }

  /** Plays a Blob; null: nothing. */
  #play(blob) {
    const player = byId("video-player");
    this.#show(blob);
    byId("video-frame").hidden = true;
    player.hidden = !blob;
    if (blob) player.src = this.#shown;
    else player.removeAttribute("src");
    player.load();
  }

  #frame(blob) {
    const image = byId("video-frame");
    byId("video-player").hidden = true;
    byId("video-player").pause();
    this.#show(blob);
    image.src = this.#shown;
    image.hidden = false;
  }

  #show(blob) {
    if (this.#shown) URL.revokeObjectURL(this.#shown);
    this.#shown = blob && URL.createObjectURL(blob);
  }
}

/** "Videos up to 63 MB, 120 s and 1920 × 1088." */
export const limitsText = (limits) =>
  t("video.limits", {
    size: fileSize(limits.video_bytes),
    seconds: limits.video_seconds,
    frame: sides(limits.video_pixels),
  });

/** The sides of the largest frame of 16 : 9 with so many pixels, in steps of 8 as videos have. */
function sides(pixels) {
  const height = 8 * Math.floor(Math.sqrt((pixels * 9) / 16) / 8);
  return `${Math.round((height * 16) / 9)} × ${height}`;
}

/** What the browser knows of a video, and a frame of it; nulls where it cannot show it. */
async function read(file) {
  const player = document.createElement("video");
  player.muted = true;
  player.src = URL.createObjectURL(file);
  const told = (name) =>
    new Promise((resolve, reject) => {
      player.addEventListener(name, resolve, { once: true });
      player.addEventListener("error", reject, { once: true });
    });
  try {
    await told("loadeddata");
    const seconds = player.duration;
    if (Number.isFinite(seconds)) {
      const there = told("seeked");
      player.currentTime = seconds / 3;
      await there;
    }
    const [width, height] = [player.videoWidth, player.videoHeight];
    const frame = await toBlob(draw(player, FRAME).canvas);
    return { facts: { width, height, seconds }, frame };
  } catch {
    return { facts: null, frame: null };
  } finally {
    URL.revokeObjectURL(player.src);
  }
}
