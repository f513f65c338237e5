// Controls of the settings that a model takes; those that it does not are not there.

import { doublings, percent, t, whenSpoken } from "./texts.js";

// How each setting of /models is asked for, in this order. "often" ones follow the moving slider.
const CONTROLS = {
  strength: {
    kind: "range", least: 0, most: 1, step: 0.05, start: 1, text: percent,
  },
  // The slider moves by halvings and doublings: as far to the darker side as to the brighter one.
  brightness: {
    kind: "range", least: -2, most: 2, step: 0.1, start: 1, helped: true,
    placed: Math.log2, meant: (place) => 2 ** place, text: doublings,
  },
  detail: {
    kind: "range", least: 0, most: 1, step: 0.05, start: 1, text: percent, helped: true,
  },
  fade: {
    kind: "range", least: 0, most: 60, step: 2, start: 0, helped: true,
    text: (value) => (value ? t("setting.fade.value", { n: value }) : t("setting.fade.off")),
  },
  render_size: {
    kind: "select", start: "", helped: true,
    choices: () => [
      ["", t("setting.render_size.own")],
      ...[256, 384, 512, 768, 1024].map((side) => [side, `${side} × ${side}`]),
    ],
  },
};

const same = (value) => value;

/** Draws into an element; calls changed(often) whenever values differ from before. */
export class Settings {
  #root;
  #changed;
  #values = {};
  #taken = new Set();

  constructor(root, changed) {
    this.#root = root;
    this.#changed = changed;
    whenSpoken(() => this.#draw());
  }

  /** What differs from the start, of what the models take: the others are the server's own. */
  get values() {
    const taken = Object.entries(CONTROLS).filter(([key]) => this.#taken.has(key));
    const changed = taken.filter(([key, { start }]) => (this.#values[key] ?? start) !== start);
    return Object.freeze(Object.fromEntries(changed.map(([key]) => [key, this.#values[key]])));
  }

  set values(values) {
    this.#values = { ...values };
    this.#draw();
  }

  /** What the models that are used take. */
  set taken(names) {
    this.#taken = new Set(names);
    this.#draw();
  }

  #draw() {
    const taken = Object.keys(CONTROLS).filter((key) => this.#taken.has(key));
    this.#root.closest("section").hidden = taken.length === 0;
    this.#root.replaceChildren(...taken.map((key) => this.#control(key, CONTROLS[key])));
  }

  #control(key, control) {
    const box = document.createElement("div");
    box.className = `setting ${control.kind}`;
    const label = document.createElement("label");
    const input = document.createElement(control.kind === "select" ? "select" : "input");
    input.id = `setting-${key}`;
    label.htmlFor = input.id;
    label.textContent = t(`setting.${key}`);
    if (control.kind === "select") {
      this.#select(input, key, control);
      box.append(label, input);
    } else box.append(label, this.#range(input, key, control), input);
    if (control.helped) {
      const help = document.createElement("p");
      help.className = "quiet";
      help.id = `${input.id}-help`;
      help.textContent = t(`setting.${key}.help`);
      input.setAttribute("aria-describedby", help.id);
      box.append(help);
    }
    return box;
  }

  #select(input, key, { choices, start }) {
    input.append(...choices().map(([value, text]) => new Option(text, value)));
    input.value = this.#values[key] ?? start;
    input.addEventListener("change", () => this.#set(key, input.value, false));
  }

  #range(input, key, { least, most, step, start, text, placed = same, meant = same }) {
    const output = document.createElement("output");
    output.htmlFor = input.id;
    Object.assign(input, { type: "range", min: least, max: most, step });
    input.value = placed(this.#values[key] ?? start);
    const value = () => meant(Number(input.value));
    const say = () => {
      output.textContent = text(value());
      input.setAttribute("aria-valuetext", output.textContent);
    };
    say();
    input.addEventListener("input", () => {
      say();
      this.#set(key, value(), true);
    });
    return output;
  }

  #set(key, value, often) {
    this.#values[key] = value;
    this.#changed(often);
  }
}
