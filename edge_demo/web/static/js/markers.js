// The hints as points on the picture: buttons that can be chosen, moved and deleted.

import { nameOf } from "./names.js";
import { t, whenSpoken } from "./texts.js";

const CLICK = 4;

/**
 * Draws into a layer over the picture.
 *
 * calls: choose(id), move(id, place, passing), remove(id), drop() for the point without a colour.
 */
export class Markers {
  #layer;
  #viewer;
  #calls;
  #list = [];
  #chosen = null; // an id, or "new"
  #fresh = null; // the point that has no colour yet
  #buttons = new Map();

  constructor(layer, viewer, calls) {
    this.#layer = layer;
    this.#viewer = viewer;
    this.#calls = calls;
    viewer.addEventListener("view", () => this.#place());
    whenSpoken(() => this.#place());
  }

  /** Hints, the id of the chosen one, and {x, y} of a point that waits for its colour. */
  show(list, chosen, fresh) {
    this.#list = list;
    this.#chosen = chosen;
    this.#fresh = fresh;
    const wanted = new Set([...list.map(({ id }) => id), ...(fresh ? ["new"] : [])]);
    for (const [id, button] of this.#buttons) {
      if (wanted.has(id)) continue;
      const focused = button === document.activeElement;
      button.remove();
      this.#buttons.delete(id);
      if (focused) this.#layer.closest("#viewer")?.focus({ preventScroll: true });
    }
    for (const id of wanted) if (!this.#buttons.has(id)) this.#make(id);
    this.#place();
  }

  focus(id) {
    this.#buttons.get(id)?.focus({ preventScroll: true });
  }

  #make(id) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "marker";
    button.dataset.hint = id;
    this.#layer.append(button);
    this.#buttons.set(id, button);
    let from = null;
    let moved = null;
    button.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      button.setPointerCapture(event.pointerId);
      from = event;
      moved = null;
    });
    button.addEventListener("pointermove", (event) => {
      if (!from) return;
      const far = Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY);
      const place = this.#viewer.toPicture(event);
      if (!place || (!moved && far < CLICK)) return;
      moved = place;
      this.#calls.move(id, place, true);
    });
    const done = () => {
      if (moved) this.#calls.move(id, moved, false);
      from = null;
    };
    button.addEventListener("pointerup", done);
    button.addEventListener("pointercancel", done);
    button.addEventListener("click", () => {
      if (!moved) this.#calls.choose(id);
      moved = null;
    });
    button.addEventListener("keydown", (event) => this.#key(event, id));
  }

  #key(event, id) {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      if (id === "new") this.#calls.drop();
      else this.#calls.remove(id);
      return;
    }
    const step = event.shiftKey ? 10 : 1;
    const steps = {
      ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
    }[event.key];
    if (!steps) return;
    event.preventDefault();
    const at = this.#of(id);
    const { width, height } = this.#viewer.size;
    const inside = (value, length) => Math.min(length - 1, Math.max(0, value));
    const place = { x: inside(at.x + steps[0], width), y: inside(at.y + steps[1], height) };
    this.#calls.move(id, place, false);
  }

  #of(id) {
    return id === "new" ? this.#fresh : this.#list.find((hint) => hint.id === id);
  }

  #place() {
    for (const [id, button] of this.#buttons) {
      const hint = this.#of(id);
      const { x, y } = this.#viewer.toBox(hint);
      button.style.transform = `translate(${x}px, ${y}px)`;
      button.style.setProperty("--colour", hint.color ?? "transparent");
      button.classList.toggle("fresh", id === "new");
      button.setAttribute("aria-pressed", String(id === this.#chosen));
      const where = { x: Math.round(hint.x), y: Math.round(hint.y) };
      const place = { number: this.#list.indexOf(hint) + 1, count: this.#list.length, ...where };
      const text = id === "new"
        ? t("hints.fresh", where)
        : t("hints.marker", { ...place, color: nameOf(hint.color) });
      if (button.getAttribute("aria-label") !== text) button.setAttribute("aria-label", text);
    }
  }
}
