// What is done to the picture: what a look says or what somebody chose, and which model does it.

import * as api from "./api.js";
import { drawList, lineOf, milliseconds, titleOf, plainWord, wordOf } from "./models.js";
import { fill, t, whenSpoken } from "./texts.js";

const byId = (id) => document.getElementById(id);

export const AUTO = "auto";

/**
 * calls: chosen() after every choice, changed() after one that was made by hand, measure(task).
 *
 * The picture's look is what POST /look says of it; null where there is none yet.
 */
export class Choice {
  #known;
  #calls;
  #models = new Map(); // task to the model that does it
  #look = null;
  #main = AUTO; // or a task
  #also = new Set(); // tasks beside it

  constructor(known, calls) {
    this.#known = known;
    this.#calls = calls;
    for (const task of this.all) {
      const usual = known.defaults[task];
      this.#models.set(task, this.of(task).find(({ name }) => name === usual) ?? this.of(task)[0]);
    }
    byId("tasks").replaceChildren(...[AUTO, ...this.all].map((task) => this.#radio(task)));
    closeOthers();
    whenSpoken(() => this.#draw());
    this.#draw();
  }

  /** Tasks that there are models of, in the order in which several are done. */
  get all() {
    return this.#known.order.filter((task) => this.of(task).length);
  }

  /** The models of a task. */
  of(task) {
    return this.#known.models.filter((one) => one.task === task);
  }

  /** The model of a name, if it is here. */
  named(name) {
    return this.#known.models.find((one) => one.name === name);
  }

  /** The model that does a task. */
  modelOf(task) {
    return this.#models.get(task);
  }

  /** What is done to the picture, in order; nothing where it needs nothing. */
  get tasks() {
    const main = this.#main === AUTO ? this.#look?.task : this.#main;
    return main ? this.all.filter((task) => task === main || this.#also.has(task)) : [];
  }

  /** The models that do it. */
  get models() {
    return this.tasks.map((task) => this.modelOf(task));
  }

  get state() {
    return { main: this.#main, also: [...this.#also], models: new Map(this.#models) };
  }

  /** A model that takes hints; undefined where there is none. */
  get hinted() {
    const models = this.of("colorize").filter((one) => one.takes.includes("hints"));
    return models.find((one) => one.usual) ?? models[0];
  }

  /** Another picture: what it needs is what its look says, until somebody chooses. */
  begin(look) {
    this.#look = look;
    this.#main = AUTO;
    this.#also.clear();
    this.#chosen();
  }

  /** What was chosen for a picture before. */
  restore(look, { main, also, models }) {
    this.#look = look;
    this.#main = main;
    this.#also = new Set(also);
    this.#models = new Map([...this.#models, ...models]);
    this.#chosen();
  }

  take(model) {
    this.#models.set(model.task, model);
    this.#chosen();
  }

  takeTask(task) {
    this.#main = task;
    this.#also.clear();
    this.#chosen();
  }

  #chosen() {
    this.#draw();
    this.#calls.chosen();
  }

  /** Shows the times that the server has measured by now. */
  async readTimes() {
    const { models } = await api.models();
    for (const one of this.#known.models) {
      const { latency_ms, measured_on } = models.find(({ name }) => name === one.name) ?? one;
      Object.assign(one, { latency_ms, measured_on });
    }
    this.#draw();
  }

  // ------------------------------------------------------------------------------- drawing

  #radio(task) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "task", value: task });
    input.addEventListener("change", () => {
      this.takeTask(task);
      this.#calls.changed();
    });
    label.append(input, document.createElement("span"));
    return label;
  }

  #draw() {
    for (const input of byId("tasks").querySelectorAll("input")) {
      input.checked = input.value === this.#main;
      input.disabled = this.#look?.possible[input.value] === false;
      const { value } = input;
      input.nextElementSibling.textContent = value === AUTO ? t("task.auto") : titleOf(value);
      input.closest("label").title = input.disabled ? t("task.nochroma") : "";
    }
    byId("task-text").textContent = this.#sentence();
    this.#drawAlso();
    this.#drawSteps();
  }

  #sentence() {
    if (this.#main !== AUTO) return t(`${this.#main}.doing`);
    if (!this.#look) return t("task.auto.doing");
    const { task } = this.#look;
    return t(task ? `${task}.because` : "task.none");
  }

  /** Tasks that make sense beside the one that is done. */
  #drawAlso() {
    const [main] = this.#main === AUTO ? [this.#look?.task] : [this.#main];
    const sensible = (task) => task === "enhance" || this.#look.fitting.includes(task);
    const offered = main && this.#look ? this.all.filter((task) => task !== main && sensible(task)) : [];
    byId("also").hidden = !offered.length;
    const focused = byId("also").contains(document.activeElement) && document.activeElement.value;
    byId("also").replaceChildren(...offered.map((task) => this.#check(task)));
    if (focused) byId("also").querySelector(`[value=${focused}]`)?.focus({ preventScroll: true });
  }

  #check(task) {
    const label = document.createElement("label");
    label.className = "check";
    const input = document.createElement("input");
    Object.assign(input, { type: "checkbox", value: task, checked: this.#also.has(task) });
    input.addEventListener("change", () => {
      if (input.checked) this.#also.add(task);
      else this.#also.delete(task);
      this.#chosen();
      this.#calls.changed();
    });
    const text = document.createElement("span");
    text.textContent = t(`${task}.also`);
    label.append(input, text);
    return label;
  }

  #drawSteps() {
    const root = byId("steps");
    const there = new Map([...root.children].map((box) => [box.dataset.task, box]));
    const boxes = this.tasks.map((task) => there.get(task) ?? this.#step(task));
    // Moving an element would close it and take the focus from it.
    if (boxes.some((box, at) => root.children[at] !== box) || boxes.length !== root.children.length) {
      root.replaceChildren(...boxes);
    }
    for (const box of boxes) this.#drawStep(box, boxes.length > 1);
  }

  #step(task) {
    const box = byId("step").content.firstElementChild.cloneNode(true);
    box.dataset.task = task;
    box.querySelector(".measure").addEventListener("click", () => this.#calls.measure(task));
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !box.open) return;
      event.stopPropagation();
      box.open = false;
      box.querySelector("summary").focus();
    });
    return box;
  }

  #drawStep(box, named) {
    const model = this.modelOf(box.dataset.task);
    const task = titleOf(model.task);
    box.dataset.model = model.name;
    fill(box);
    box.querySelector(".purposes").setAttribute("aria-label", t("models.of", { task }));
    box.querySelector(".recipes").setAttribute("aria-label", t("recipes.of", { task }));
    box.querySelector("b").textContent = named
      ? t("models.step", { task, word: plainWord(model) })
      : wordOf(model);
    const took = model.latency_ms === null ? [] : [milliseconds(model.latency_ms)];
    box.querySelector(".facts").textContent = [lineOf(model), ...took].join(" · ");
    const inside = box.contains(document.activeElement) && document.activeElement;
    drawList(box, this.of(model.task), model, (one) => {
      this.take(one);
      this.#calls.changed();
    });
    if (inside?.name) {
      box.querySelector(`[name="${inside.name}"][value="${inside.value}"]`)?.focus({ preventScroll: true });
    }
  }
}

/** A list of models covers what is below it, so it closes when somebody turns to that. */
function closeOthers() {
  for (const turned of ["pointerdown", "focusin"]) {
    document.addEventListener(turned, (event) => {
      for (const box of byId("steps").children) {
        if (!box.contains(event.target)) box.open = false;
      }
    });
  }
}
