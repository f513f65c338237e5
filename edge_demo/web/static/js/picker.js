// The plane of a and b at one lightness: every colour that sRGB shows there, and nothing else.

import { intoGamut, labToRgb } from "./lab.js";

const REACH = 110; // a and b of sRGB are between -REACH and REACH
const DRAWN = 180; // pixels a side that are computed; the canvas enlarges them
const MARGIN = 1.12; // of the window around the gamut
const LEAST = 12; // half of the window's width, where there is hardly any colour

const clamp = (value) => Math.min(REACH, Math.max(-REACH, value));

/** The square of the plane around all colours of a lightness: its middle, and half its width. */
function windowOf(lightness) {
  const shown = [];
  for (let a = -REACH; a <= REACH; a += 4) {
    for (let b = -REACH; b <= REACH; b += 4) if (labToRgb([lightness, a, b])) shown.push([a, b]);
  }
  const ends = [0, 1].map((axis) => {
    const values = [0, ...shown.map((ab) => ab[axis])];
    return [Math.min(...values), Math.max(...values)];
  });
  const half = Math.max(LEAST, ...ends.map(([low, high]) => (MARGIN * (high - low)) / 2 + 2));
  return { middle: ends.map(([low, high]) => (low + high) / 2), half };
}

/**
 * A canvas to point at, and two ranges for the keyboard that lie under it.
 *
 * Calls pick(ab, passing) with [a, b] inside of the gamut.
 */
export class Picker {
  #canvas;
  #ranges;
  #pick;
  #lightness = 50;
  #ab = [0, 0];
  #marks = [];
  #plane = null; // the drawn gamut of a lightness
  #window = windowOf(50);

  constructor(root, pick) {
    this.#canvas = root.querySelector("canvas");
    this.#ranges = [...root.querySelectorAll("input[type=range]")];
    this.#pick = pick;
    const follow = (event, passing) => {
      const { left, top, width, height } = this.#canvas.getBoundingClientRect();
      const across = (event.clientX - left) / width;
      const down = (event.clientY - top) / height;
      this.#choose(this.#abAt(across, down).map(clamp), passing);
    };
    this.#canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.#canvas.setPointerCapture(event.pointerId);
      follow(event, true);
    });
    this.#canvas.addEventListener("pointermove", (event) => {
      if (this.#canvas.hasPointerCapture(event.pointerId)) follow(event, true);
    });
    this.#canvas.addEventListener("lostpointercapture", () => this.#pick(this.#ab, false));
    for (const range of this.#ranges) {
      const values = () => this.#ranges.map((one) => Number(one.value));
      range.addEventListener("input", () => this.#choose(values(), true));
      range.addEventListener("change", () => this.#pick(this.#ab, false));
    }
    document.addEventListener("theme", () => this.#draw()); // of js/theme.js
  }

  /** A lightness, the chosen [a, b], and other [a, b] to mark. */
  show(lightness, ab, marks = []) {
    if (lightness !== this.#lightness) {
      this.#plane = null;
      this.#window = windowOf(lightness);
    }
    this.#lightness = lightness;
    this.#ab = ab;
    this.#marks = marks;
    this.#draw();
  }

  #choose(ab, passing) {
    this.#ab = intoGamut(this.#lightness, ab);
    this.#draw();
    this.#pick(this.#ab, passing);
  }

  #draw() {
    const side = this.#canvas.width;
    const context = this.#canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    context.imageSmoothingQuality = "high";
    context.drawImage((this.#plane ??= this.#gamut()), 0, 0, side, side);
    this.#axes(context, side);
    for (const mark of this.#marks) this.#ring(context, side, mark, 5, 2);
    this.#ring(context, side, this.#ab, 11, 4);
    const names = ["a", "b"];
    this.#ranges.forEach((range, at) => {
      range.value = String(Math.round(this.#ab[at]));
      range.setAttribute("aria-valuetext", `${names[at]} ${Math.round(this.#ab[at])}`);
    });
  }

  #gamut() {
    const plane = document.createElement("canvas");
    plane.width = plane.height = DRAWN;
    const context = plane.getContext("2d");
    const image = context.createImageData(DRAWN, DRAWN);
    for (let row = 0; row < DRAWN; row += 1) {
      for (let column = 0; column < DRAWN; column += 1) {
        const ab = this.#abAt((column + 0.5) / DRAWN, (row + 0.5) / DRAWN);
        const rgb = labToRgb([this.#lightness, ...ab]);
        if (rgb) image.data.set([...rgb, 255], 4 * (row * DRAWN + column));
      }
    }
    context.putImageData(image, 0, 0);
    return plane;
  }

  /** a and b at shares of the canvas's width and height. */
  #abAt(across, down) {
    const { middle, half } = this.#window;
    return [middle[0] + (2 * across - 1) * half, middle[1] - (2 * down - 1) * half];
  }

  #place(side, [a, b]) {
    const { middle, half } = this.#window;
    return [((a - middle[0]) / half + 1) * (side / 2), ((middle[1] - b) / half + 1) * (side / 2)];
  }

  #axes(context, side) {
    const [x, y] = this.#place(side, [0, 0]);
    context.strokeStyle = getComputedStyle(this.#canvas).getPropertyValue("--axis");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, side);
    context.moveTo(0, y);
    context.lineTo(side, y);
    context.stroke();
  }

  #ring(context, side, ab, radius, width) {
    const [x, y] = this.#place(side, ab);
    for (const [colour, line] of [["#000c", width + 3], ["#fff", width]]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}
