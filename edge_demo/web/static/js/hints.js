// The hints of a picture: points with colours, with undo and redo. No page in here.

import { newId } from "./intake.js";
import { Told } from "./texts.js";

const STEPS = 200;

/** Told by "change" events; every list it hands out is frozen. */
export class Hints extends EventTarget {
  #undo = [];
  #redo = [];
  #before = null; // of a change that is still going on

  list = Object.freeze([]);

  #put(list) {
    this.list = Object.freeze(list);
    this.dispatchEvent(new Event("change"));
  }

  /** Replaces the list. A passing change, such as a step of a drag, is one with the next. */
  set(list, passing = false) {
    this.#before ??= this.list;
    if (!passing) {
      this.#undo = [...this.#undo, this.#before].slice(-STEPS);
      this.#redo = [];
      this.#before = null;
    }
    this.#put(list);
  }

  /** A hint with an id of its own. */
  add(hint, passing = false) {
    this.set([...this.list, Object.freeze(hint)], passing);
  }

  change(id, values, passing = false) {
    const changed = (hint) => (hint.id === id ? Object.freeze({ ...hint, ...values }) : hint);
    this.set(this.list.map(changed), passing);
  }

  remove(id) {
    this.set(this.list.filter((hint) => hint.id !== id));
  }

  find(id) {
    return this.list.find((hint) => hint.id === id) ?? null;
  }

  /** Another picture's, without a way back. */
  begin(list = []) {
    this.#undo = [];
    this.#redo = [];
    this.#before = null;
    this.#put([...list]);
  }

  get canUndo() {
    return this.#undo.length > 0;
  }

  get canRedo() {
    return this.#redo.length > 0;
  }

  undo() {
    this.#step(this.#undo, this.#redo);
  }

  redo() {
    this.#step(this.#redo, this.#undo);
  }

  #step(from, to) {
    if (!from.length) return;
    to.push(this.list);
    this.#before = null;
    this.#put(from.pop());
  }
}

/** The list as the file that the command line takes too. */
export const toJson = (list) =>
  JSON.stringify({ hints: list.map(({ x, y, color, size }) => ({ x, y, color, size })) });

/** The hints of such a file, for a picture of a size; throws a Told. */
export function fromJson(text, { width, height }, most) {
  let entries;
  try {
    entries = JSON.parse(text).hints;
  } catch {
    throw new Told("error.json");
  }
  if (!Array.isArray(entries)) throw new Told("error.nolist");
  if (entries.length > most) throw new Told("error.hints", { most });
  return entries.map((entry, index) => {
    const { x, y, color, size } = entry ?? {};
    const number = index + 1;
    const inside = (value, length) => Number.isFinite(value) && value >= 0 && value < length;
    if (!inside(x, width) || !inside(y, height)) {
      throw new Told("error.outside", { number, width, height });
    }
    if (typeof color !== "string" || !/^#[0-9a-f]{6}$/i.test(color)) {
      throw new Told("error.nocolor", { number });
    }
    if (size !== undefined && !(Number.isInteger(size) && size >= 1 && size <= 9)) {
      throw new Told("error.size", { number });
    }
    return Object.freeze({ id: newId(), x, y, color: color.toLowerCase(), size });
  });
}

/** The same points on a copy of another size. */
export function scaled(list, from, to) {
  const place = (value, old, length) =>
    Math.min(length - 1, Math.max(0, ((value + 0.5) * length) / old - 0.5));
  return list.map((hint) => ({
    ...hint,
    x: place(hint.x, from.width, to.width),
    y: place(hint.y, from.height, to.height),
  }));
}
