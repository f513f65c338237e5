// What was made of photographs, each variant, to come back to: kept in the browser, up to a bound.

import { draw, load, newId, photograph, toBlob } from "./intake.js";
import { namesOf, plainWord, titleOf } from "./models.js";
import { Store } from "./store.js";
import { doublings, listed, percent, t, whenSpoken } from "./texts.js";

const byId = (id) => document.getElementById(id);

const BOUND = { variants: 60, bytes: 200e6 };
const SIDE = 160; // pixels of a thumbnail

/**
 * An entry is {id, made, job, blob, url, seconds, cached, notes, small, thumbnail}; blob and small
 * are pictures, url and thumbnail their addresses.
 *
 * calls: back(entry), one that somebody turns to; model(name) of one that was kept, or undefined.
 */
export class History {
  #root = byId("history");
  #store = new Store();
  #calls;
  #entries = []; // the newest first
  #shown = null;
  #lasting = true; // whether the browser keeps them

  constructor(calls) {
    this.#calls = calls;
    byId("history-clear").addEventListener("click", () => this.#clear());
    whenSpoken(() => this.#draw());
  }

  get empty() {
    return this.#entries.length === 0;
  }

  /** What was kept by earlier visits. */
  async begin() {
    await this.#try(async () => {
      const { variants, pictures } = await this.#store.all();
      const known = new Map(pictures.map((one) => [one.id, photograph(one)]));
      this.#entries = variants
        .map((one) => revived(one, known, this.#calls.model))
        .filter(Boolean)
        .sort((one, other) => other.made - one.made);
    });
    this.#draw();
  }

  /** Keeps a result, and no other of the same wishes for the same picture; its entry. */
  async add(result) {
    const small = await toBlob(draw(await load(result.url), SIDE).canvas, "image/jpeg", 0.85);
    const thumbnail = URL.createObjectURL(small);
    const entry = { ...result, id: newId(), made: Date.now(), small, thumbnail };
    const key = wishes(entry.job);
    const same = this.#entries.filter(({ job }) => wishes(job) === key);
    this.#entries = [entry, ...this.#entries.filter((one) => !same.includes(one))];
    const gone = [...same, ...this.#beyond()];
    this.mark(entry);
    await this.#try(async () => {
      await this.#forget(gone);
      await this.#store.put(recordOf(entry), picturesOf(entry.job).map(pictureRecord));
    });
    return entry;
  }

  /** Marks the entry that is on show. */
  mark(shown) {
    this.#shown = shown;
    this.#draw();
  }

  /** Takes away the oldest of what is too much. */
  #beyond() {
    const gone = [];
    while (this.#entries.length > 1 && this.#over()) gone.push(this.#entries.pop());
    return gone;
  }

  #over() {
    const pictures = new Set(this.#entries.flatMap(({ job }) => picturesOf(job)));
    let bytes = 0;
    for (const { file, shown } of pictures) bytes += file.size + (shown === file ? 0 : shown.size);
    for (const { blob, small } of this.#entries) bytes += blob.size + small.size;
    return bytes > BOUND.bytes || this.#entries.length > BOUND.variants;
  }

  /** Entries that are no longer among those that are kept. */
  async #forget(gone) {
    for (const { url, thumbnail } of gone) {
      URL.revokeObjectURL(thumbnail);
      // One that is still on show keeps its address.
      if (url !== this.#shown?.url) URL.revokeObjectURL(url);
    }
    const needed = new Set(this.#entries.flatMap(({ job }) => picturesOf(job)));
    const pictures = gone.flatMap(({ job }) => picturesOf(job)).filter((one) => !needed.has(one));
    if (!gone.length) return;
    await this.#store.remove(gone.map(({ id }) => id), pictures.map(({ id }) => id));
  }

  async #clear() {
    if (!confirm(t("history.sure"))) return;
    const gone = this.#entries;
    this.#entries = [];
    this.#draw();
    await this.#try(async () => {
      await this.#forget(gone);
      await this.#store.clear();
    });
  }

  /** What needs storage; where there is none, the page says that it keeps nothing. */
  async #try(action) {
    try {
      await action();
      this.#lasting = true;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.#lasting = false;
    }
    this.#drawNote();
  }

  // ------------------------------------------------------------------------------- drawing

  #drawNote() {
    const { bytes } = BOUND;
    byId("history-note").textContent = this.#lasting
      ? t("history.kept", { size: t("megabytes", { n: bytes / 1e6 }) })
      : t("history.lost");
  }

  #draw() {
    this.#drawNote();
    byId("history-head").classList.toggle("empty", this.empty);
    const focused = [...this.#root.children].findIndex((one) => one.contains(document.activeElement));
    this.#root.replaceChildren(...this.#entries.map((entry) => this.#item(entry)));
    this.#root.children[focused]?.firstElementChild.focus({ preventScroll: true });
  }

  #item(entry) {
    const { picture, models } = entry.job;
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "variant";
    if (entry === this.#shown) button.setAttribute("aria-current", "true");
    const image = document.createElement("img");
    image.src = entry.thumbnail;
    image.alt = picture.name;
    const texts = [listed(models.map(({ task }) => titleOf(task))), detailsOf(entry.job)];
    const spans = texts.map((text) => {
      const span = document.createElement("span");
      span.textContent = text;
      return span;
    });
    button.append(image, " ", spans[0], " ", spans[1]); // spaces, for those who hear it
    button.title = [picture.name, ...texts].join("\n");
    button.addEventListener("click", () => this.#calls.back(entry));
    item.append(button);
    return item;
  }
}

/** "best, 80 %, 3 hints" */
function detailsOf({ models, settings, hints, reference }) {
  const parts = [plainWord(models.at(-1))];
  if (settings.strength !== undefined) parts.push(percent(settings.strength));
  if (settings.brightness !== undefined) {
    parts.push(`${t("setting.brightness")} ${doublings(settings.brightness)}`);
  }
  if (hints.length) parts.push(t("history.hints", { count: hints.length }));
  if (reference) parts.push(reference.name);
  return listed(parts);
}

const picturesOf = ({ picture, reference }) => [picture, reference].filter(Boolean);

/** What tells one variant from another. */
const wishes = ({ picture, models, settings, hints, reference }) =>
  JSON.stringify([
    picture.id,
    namesOf(models),
    Object.entries(settings).sort(),
    hints.map(({ x, y, color, size }) => [x, y, color, size]),
    reference?.id,
  ]);

// ------------------------------------------------------------------- what the browser keeps

const pictureRecord = ({ id, file, shown, width, height, look }) => ({
  id, file, width, height, look, shown: shown === file ? null : shown,
});

/** An entry without what only this page has: addresses, and the models themselves. */
function recordOf({ id, made, job, blob, seconds, cached, notes, small }) {
  const { picture, models, state, settings, hints, reference, quick } = job;
  return {
    id, made, blob, seconds, cached, notes, small, settings, quick,
    hints: [...hints],
    models: models.map(({ name }) => name),
    picture: picture.id,
    reference: reference?.id ?? null,
    state: { ...state, models: [...state.models.values()].map(({ name }) => name) },
  };
}

/** The entry of a record; null where the server has its models no more. */
function revived(record, pictures, modelNamed) {
  const { picture, reference, settings, hints, quick, ...rest } = record;
  const models = record.models.map(modelNamed);
  const others = record.state.models.map(modelNamed).filter(Boolean);
  if (!models.every(Boolean) || !pictures.has(picture)) return null;
  const job = Object.freeze({
    picture: pictures.get(picture),
    models,
    state: { ...record.state, models: new Map(others.map((one) => [one.task, one])) },
    settings,
    hints: Object.freeze(hints.map((hint) => Object.freeze({ ...hint, id: newId() }))),
    reference: pictures.get(reference) ?? null,
    quick,
  });
  const url = URL.createObjectURL(record.blob);
  return { ...rest, job, url, thumbnail: URL.createObjectURL(record.small) };
}
