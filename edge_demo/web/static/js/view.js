// The picture: two layers with a divider between, zoomed and moved together.

import { t, whenSpoken } from "./texts.js";

const MOST = 24; // CSS pixels for one of the picture
const SQUARES = 3; // from here on pixels are shown as squares
const ROUNDING = 1e-6; // of a place that was computed, in pixels
const CLICK = 5; // a pointer that moves less has clicked

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/**
 * Draws into #viewer. Events: "view" after zoom, pan or a new size; "point" with {x, y} of the
 * picture, when somebody clicks on it; "split" when the divider moves.
 */
export class Viewer extends EventTarget {
  #box;
  #layers;
  #divider;
  #size = { width: 1, height: 1 };
  #scale = 1;
  #offset = { x: 0, y: 0 };
  #fitted = true;
  #pointers = new Map();
  #press = null;
  #split = 0.5;
  #beside = false;
  #two = false; // whether there are two layers to tell apart
  #latest = {}; // layer to what was asked for last

  constructor(box) {
    super();
    this.#box = box;
    this.#layers = Object.fromEntries(
      [...box.querySelectorAll(".layer")].map((layer) => [layer.dataset.layer, layer]),
    );
    this.#divider = box.querySelector(".divider");
    new ResizeObserver(() => this.#resized()).observe(box);
    this.#listen();
    this.#listenDivider();
    whenSpoken(() => this.#drawSplit());
  }

  /** A picture of another size begins. */
  begin({ width, height }) {
    this.#size = { width, height };
    this.fit();
  }

  /** Shows an address in a layer, "left", "right" or "over"; none empties it. */
  async show(layer, url, { kind = "", alt = "" } = {}) {
    const place = this.#layers[layer];
    const image = place.querySelector("img");
    const latest = (this.#latest[layer] = {});
    place.toggleAttribute("data-loading", Boolean(url));
    if (!url) {
      image.removeAttribute("src");
      place.hidden = true;
      return;
    }
    const next = new Image();
    next.src = url;
    await next.decode().catch(() => {}); // no flash of an empty layer; a broken one stays empty
    if (latest !== this.#latest[layer]) return; // another picture was shown meanwhile
    image.src = url;
    image.alt = alt;
    place.className = `layer ${layer} ${kind}`;
    place.hidden = false;
    place.removeAttribute("data-loading");
  }

  get scale() {
    return this.#scale;
  }

  get size() {
    return this.#size;
  }

  /** Whether the layers are beside each other, or one below the other where that shows more. */
  get beside() {
    return this.#beside;
  }

  set beside(on) {
    this.#beside = on;
    this.#resized();
  }

  /** How many parts of the box are beside each other, and how many below. */
  get #parts() {
    if (!this.#beside || !this.#two) return { across: 1, down: 1 };
    const { width, height } = this.#size;
    const [wide, high] = [this.#box.clientWidth / width, this.#box.clientHeight / height];
    const across = Math.min(wide / 2, high) >= Math.min(wide, high / 2);
    return across ? { across: 2, down: 1 } : { across: 1, down: 2 };
  }

  /** Width and height of what a layer is shown in. */
  get #extent() {
    const { across, down } = this.#parts;
    return { width: this.#box.clientWidth / across, height: this.#box.clientHeight / down };
  }

  /** Whether there are two layers to tell apart. */
  set divided(on) {
    const other = on !== this.#two;
    this.#two = on;
    if (other && this.#beside) this.#resized();
    else this.#drawParts();
  }

  #drawParts() {
    const { across, down } = this.#parts;
    this.#divider.hidden = !this.#two || across * down > 1;
    this.#box.classList.toggle("divided", this.#two);
    this.#box.classList.toggle("across", across > 1);
    this.#box.classList.toggle("down", down > 1);
  }

  /** Where a place of the picture is in the box, in CSS pixels. */
  toBox({ x, y }) {
    return {
      x: this.#offset.x + (x + 0.5) * this.#scale,
      y: this.#offset.y + (y + 0.5) * this.#scale,
    };
  }

  /** The pixel of the picture below a place on the page; null outside. */
  toPicture({ clientX, clientY }) {
    const at = this.#at({ clientX, clientY });
    const x = Math.floor((at.x - this.#offset.x) / this.#scale);
    const y = Math.floor((at.y - this.#offset.y) / this.#scale);
    const { width, height } = this.#size;
    return x >= 0 && y >= 0 && x < width && y < height ? { x, y } : null;
  }

  /** The pixel in the middle of what is shown. */
  get middle() {
    const { width, height } = this.#size;
    const at = (length, extent, offset) =>
      clamp(Math.floor((extent / 2 - offset) / this.#scale + ROUNDING), 0, length - 1);
    return {
      x: at(width, this.#extent.width, this.#offset.x),
      y: at(height, this.#extent.height, this.#offset.y),
    };
  }

  get #center() {
    const { width, height } = this.#extent;
    return { x: width / 2, y: height / 2 };
  }

  #least() {
    const { width, height } = this.#size;
    const fit = Math.min(this.#extent.width / width, this.#extent.height / height);
    return Math.min(fit, MOST) || 1;
  }

  fit() {
    this.#fitted = true;
    this.#scale = this.#least();
    this.#apply();
  }

  /** Zooms by a factor around a place in the box, by default its middle. */
  zoom(factor, at = this.#center) {
    this.zoomTo(this.#scale * factor, at);
  }

  zoomTo(scale, at = this.#center) {
    const least = this.#least();
    const next = clamp(scale, least, Math.max(MOST, least));
    const ratio = next / this.#scale;
    this.#offset = {
      x: at.x - (at.x - this.#offset.x) * ratio,
      y: at.y - (at.y - this.#offset.y) * ratio,
    };
    this.#scale = next;
    this.#fitted = next <= least * 1.001;
    this.#apply();
  }

  /** Puts a pixel into the middle at a scale. */
  lookAt({ x, y }, scale) {
    this.zoomTo(scale);
    const center = this.#center;
    this.#offset = {
      x: center.x - (x + 0.5) * this.#scale,
      y: center.y - (y + 0.5) * this.#scale,
    };
    this.#apply();
  }

  move(x, y) {
    this.#offset = { x: this.#offset.x + x, y: this.#offset.y + y };
    this.#apply();
  }

  #resized() {
    if (this.#fitted) this.fit();
    else this.zoomTo(this.#scale);
  }

  #apply() {
    const { width, height } = this.#size;
    const inside = (offset, extent, length) =>
      length <= extent ? (extent - length) / 2 : clamp(offset, extent - length, 0);
    this.#offset = {
      x: inside(this.#offset.x, this.#extent.width, width * this.#scale),
      y: inside(this.#offset.y, this.#extent.height, height * this.#scale),
    };
    for (const layer of Object.values(this.#layers)) {
      const image = layer.querySelector("img");
      image.style.width = `${width * this.#scale}px`;
      image.style.height = `${height * this.#scale}px`;
      image.style.transform = `translate(${this.#offset.x}px, ${this.#offset.y}px)`;
    }
    this.#drawParts();
    this.#box.classList.toggle("squares", this.#scale >= SQUARES);
    this.#box.classList.toggle("zoomed", !this.#fitted);
    this.#drawSplit();
    this.dispatchEvent(new Event("view"));
  }

  // ------------------------------------------------------------------------ pointer and keys

  /** A place on the page as one of the part of the box that it is in. */
  #at({ clientX, clientY }) {
    const { left, top } = this.#box.getBoundingClientRect();
    const { width, height } = this.#extent;
    const inPart = (value, length) => (value >= length && value < 2 * length ? value - length : value);
    return { x: inPart(clientX - left, width), y: inPart(clientY - top, height) };
  }

  #listen() {
    const box = this.#box;
    box.addEventListener("pointerdown", (event) => {
      if (event.button || event.target.closest("button, [role=slider]")) return;
      box.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, event);
      this.#press = this.#pointers.size === 1 ? event : null;
    });
    box.addEventListener("pointermove", (event) => {
      const before = this.#pointers.get(event.pointerId);
      if (!before) return;
      const [first, second] = [...this.#pointers.values()];
      if (second) this.#pinch(event, first, second);
      else if (!this.#isClick(event)) {
        this.#press = null;
        this.move(event.clientX - before.clientX, event.clientY - before.clientY);
      } else return; // the movement so far counts once it is one
      this.#pointers.set(event.pointerId, event);
    });
    box.addEventListener("pointerup", (event) => {
      const place = this.#press && this.#isClick(event) && this.toPicture(event);
      this.#pointers.delete(event.pointerId);
      this.#press = null;
      if (place) this.dispatchEvent(new CustomEvent("point", { detail: place }));
    });
    box.addEventListener("pointercancel", (event) => {
      this.#pointers.delete(event.pointerId);
      this.#press = null;
    });
    box.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const lines = event.deltaMode === 1 ? 16 : 1;
        this.zoom(Math.exp(-0.0016 * lines * event.deltaY), this.#at(event));
      },
      { passive: false },
    );
    box.addEventListener("keydown", (event) => {
      if (event.target !== box || event.ctrlKey || event.metaKey || event.altKey) return;
      if (this.#key(event.key)) event.preventDefault();
    });
  }

  #isClick({ clientX, clientY }) {
    const from = this.#press;
    return from && Math.hypot(clientX - from.clientX, clientY - from.clientY) < CLICK;
  }

  #pinch(event, first, second) {
    const other = event.pointerId === first.pointerId ? second : first;
    const before = this.#pointers.get(event.pointerId);
    const apart = (one) =>
      Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    const middle = (one) =>
      this.#at({
        clientX: (one.clientX + other.clientX) / 2,
        clientY: (one.clientY + other.clientY) / 2,
      });
    const [from, to] = [middle(before), middle(event)];
    this.move(to.x - from.x, to.y - from.y);
    this.zoom(apart(event) / apart(before), to);
  }

  #key(key) {
    const step = 60;
    const actions = {
      "+": () => this.zoom(1.25),
      "=": () => this.zoom(1.25),
      "-": () => this.zoom(1 / 1.25),
      0: () => this.fit(),
      1: () => this.zoomTo(1),
      ArrowLeft: () => this.move(step, 0),
      ArrowRight: () => this.move(-step, 0),
      ArrowUp: () => this.move(0, step),
      ArrowDown: () => this.move(0, -step),
    };
    actions[key]?.();
    return key in actions;
  }

  // ---------------------------------------------------------------------------- the divider

  get split() {
    return this.#split;
  }

  /** The divider's place, as a share of the box's width. */
  set split(share) {
    this.#split = clamp(share, 0, 1);
    this.#drawSplit();
    this.dispatchEvent(new Event("split"));
  }

  /** Puts the divider to a place in the box. */
  splitAt(x) {
    const { left, right } = this.#span();
    this.split = (x - left) / (right - left);
  }

  /** Left and right of the picture's visible part: the divider stays inside. */
  #span() {
    const left = Math.max(0, this.#offset.x);
    const right = Math.min(
      this.#box.clientWidth,
      this.#offset.x + this.#size.width * this.#scale,
    );
    return { left, right: Math.max(right, left + 1) };
  }

  #drawSplit() {
    const { left, right } = this.#span();
    this.#box.style.setProperty("--split", `${left + this.#split * (right - left)}px`);
    const percent = Math.round(100 * this.#split);
    this.#divider.setAttribute("aria-valuenow", percent);
    const shares = { before: percent, after: 100 - percent };
    this.#divider.setAttribute("aria-valuetext", t("divider.value", shares));
  }

  #listenDivider() {
    const divider = this.#divider;
    divider.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      divider.setPointerCapture(event.pointerId);
      divider.focus({ preventScroll: true });
      event.preventDefault();
    });
    divider.addEventListener("pointermove", (event) => {
      if (divider.hasPointerCapture(event.pointerId)) this.splitAt(this.#at(event).x);
    });
    divider.addEventListener("keydown", (event) => {
      const steps = {
        ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02,
        PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1,
      };
      if (!(event.key in steps)) return;
      event.preventDefault();
      this.split = this.#split + steps[event.key];
    });
  }
}
