// When the server is asked: a quick answer on a small copy while something changes, then the
// picture at its full size; never an answer to a question that is out of date.

import * as api from "./api.js";
import { scaled, toJson } from "./hints.js";
import { newId } from "./intake.js";
import { t } from "./texts.js";

// Milliseconds without a change before the full size is worked on: longer where that takes long,
// because a quick answer has to wait for it.
const IDLE = { least: 450, most: 2000 };

const SURE = 5; // seconds of work before it is told how long the rest takes
const LOOK = 400; // ms between two looks at how far a request is

/**
 * A job is frozen: {picture, models, state, settings, hints, reference, quick}; models are those of
 * its tasks, in order; reference is a photograph whose colours are borrowed, or null; quick says
 * that a small copy shows enough. calls: preview(blob, job), result({blob, seconds, job}),
 * busy(text() or null, share), failed(error, job).
 */
export class Work {
  #calls;
  #full = null; // AbortController of the request under way
  #quick = null;
  #waiting = null; // the newest job, while an older one's quick answer is under way
  #timer = 0;
  #newest = null;
  #took = 0; // ms for the last full size

  constructor(calls) {
    this.#calls = calls;
  }

  /** Nothing of before is waited for any more. */
  stop() {
    clearTimeout(this.#timer);
    this.#full?.abort();
    this.#quick?.abort();
    this.#full = this.#quick = this.#waiting = this.#newest = null;
    this.#calls.busy(null);
  }

  /** Does a job. One that changes often, such as under a moving slider, waits for rest. */
  begin(job, often = false) {
    clearTimeout(this.#timer);
    this.#full?.abort();
    this.#full = null;
    this.#newest = job;
    if (job.quick && often) {
      if (this.#quick) this.#waiting = job;
      else this.#preview(job);
    }
    this.#calls.busy(() => t("status.working"));
    this.#timer = setTimeout(() => this.#finish(job), often ? this.#idle() : 0);
  }

  #idle() {
    return Math.min(IDLE.most, Math.max(IDLE.least, this.#took));
  }

  async #preview(job) {
    const stop = (this.#quick = new AbortController());
    try {
      const copy = await job.picture.preview();
      const hints = scaled(job.hints, job.picture, copy);
      const lent = job.reference && (await job.reference.preview());
      const reference = lent && { file: lent.blob };
      const { blob } = await api.process(
        { ...fields({ ...job, hints, reference }), image: copy.blob, format: "png" },
        { signal: stop.signal },
      );
      // A newer job's full size may be there already; another picture's never mixes in.
      if (!stop.signal.aborted && this.#newest?.picture === job.picture) {
        this.#calls.preview(blob, job);
      }
    } catch (error) {
      if (!stop.signal.aborted) this.#fail(error, job);
    }
    if (this.#quick === stop) this.#quick = null;
    const next = this.#waiting;
    this.#waiting = null;
    if (next && !stop.signal.aborted) this.#preview(next);
  }

  async #finish(job) {
    const stop = (this.#full = new AbortController());
    const began = performance.now();
    const whenFull = (seconds) =>
      this.#calls.busy(() => t("status.full", { seconds }));
    try {
      const done = await followed(
        { ...fields(job), image: job.picture.file, format: "png" },
        { signal: stop.signal, whenFull },
        (text, share) => this.#full === stop && this.#calls.busy(text, share),
      );
      if (stop.signal.aborted) return;
      this.#took = performance.now() - began;
      this.#waiting = null;
      this.#quick?.abort();
      this.#full = null;
      this.#calls.busy(null);
      this.#calls.result({ ...done, job });
    } catch (error) {
      if (!stop.signal.aborted) this.#fail(error, job);
    }
  }

  #fail(error, job) {
    if (error.name === "AbortError" || job !== this.#newest) return;
    this.stop();
    this.#calls.failed(error, job);
  }
}

/** api.process, which tells(text(), share) meanwhile how far it is. */
export async function followed(entries, options, tell) {
  const job = `job-${newId()}`;
  let over = false;
  let began = null; // when it was found to be worked on
  const follow = async () => {
    for (;;) {
      await new Promise((done) => setTimeout(done, LOOK));
      const found = over ? null : await api.progress(job, options.signal).catch(() => null);
      if (over) return;
      if (!found) continue;
      if (found.working) began ??= performance.now();
      const seconds = (performance.now() - began) / 1000;
      const text = () => (found.working ? shareText(found.share, seconds) : t("status.waiting"));
      tell(text, found.share);
    }
  };
  tell(() => t("status.working"), 0);
  follow();
  try {
    return await api.process({ ...entries, job }, options);
  } finally {
    over = true;
  }
}

/** How much is done, and, once that is sure, how long the rest takes. */
export function shareText(share, seconds) {
  if (!share) return t("status.working");
  const n = Math.floor(100 * share);
  if (seconds < SURE) return t("status.share", { n });
  const left = (seconds * (1 - share)) / share;
  return left < 90
    ? t("status.seconds", { n, left: Math.ceil(left) })
    : t("status.minutes", { n, left: Math.round(left / 60) });
}

/** What /process is sent of a job, the picture and the format aside. */
export function fields(job) {
  const { models, reference } = job;
  const entries = {
    model: models.map(({ name }) => name).join(","),
    mode: models.map(({ task }) => task).join(","),
    ...options(job),
  };
  if (reference && takes(models, "reference")) entries.reference = reference.file;
  return entries;
}

/** The options of a job that its models take, files aside. */
export function options({ models, settings, hints }) {
  const taken = Object.entries(settings).filter(([key]) => takes(models, key));
  const entries = Object.fromEntries(taken);
  if (hints.length && takes(models, "hints")) entries.hints = toJson(hints);
  return entries;
}

/** Whether one of the models takes an option. */
export const takes = (models, name) => models.some((model) => model.takes.includes(name));
