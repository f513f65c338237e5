// Which task, and which model of it.

import * as api from "./api.js";
import { draw, kibibytes, milliseconds, presetOf, TASKS } from "./models.js";

const byId = (id) => document.getElementById(id);

/** calls: chosen(model) for every choice, changed() after one that was made by hand. */
export class Choice {
  #known;
  #calls;
  #before = new Map(); // task to the model last used for it

  model = null;
  byHand = false; // whether somebody has chosen the task, so that a photograph does not

  constructor(known, calls) {
    this.#known = known;
    this.#calls = calls;
    const tasks = Object.keys(TASKS).filter((task) => this.of(task).length);
    byId("tasks").replaceChildren(...tasks.map((task) => this.#radio(task)));
    this.#listenToList();
  }

  /** The models of a task. */
  of(task) {
    return this.#known.models.filter((one) => one.task === task);
  }

  /** A model that takes hints, in the recipe that is used now; undefined where there is none. */
  get hinted() {
    const models = this.of("colorize").filter((one) => one.takes.includes("hints"));
    return models.find((one) => one.recipe === this.model.recipe) ?? models[0];
  }

  /** The default model of a task, or the one that was used for it before. */
  takeTask(task) {
    const name = this.#before.get(task) ?? this.#known.defaults[task];
    this.take(this.of(task).find((one) => one.name === name) ?? this.of(task)[0]);
  }

  take(model) {
    const otherTask = model.task !== this.model?.task;
    this.model = model;
    this.#before.set(model.task, model.name);
    byId("tasks").querySelector(`[value=${model.task}]`).checked = true;
    byId("task-text").textContent = TASKS[model.task].text;
    this.#draw(otherTask);
    this.#calls.chosen(model);
  }

  /** Shows the times that the server has measured by now. */
  async readTimes() {
    const { models } = await api.models();
    for (const one of this.#known.models) {
      const { latency_ms, measured_on } = models.find(({ name }) => name === one.name) ?? one;
      Object.assign(one, { latency_ms, measured_on });
    }
    this.#draw(true);
  }

  #radio(task) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "task", value: task });
    input.addEventListener("click", () => {
      this.byHand = true; // also where it was chosen before
    });
    input.addEventListener("change", () => {
      this.takeTask(task);
      this.#calls.changed();
    });
    const text = document.createElement("span");
    text.textContent = TASKS[task].title;
    label.append(input, text);
    return label;
  }

  #draw(anew) {
    const { model } = this;
    byId("model-name").textContent = presetOf(model);
    byId("model-facts").textContent =
      `${model.recipe} · ${kibibytes(model.bytes)} · ${milliseconds(model.latency_ms)}`;
    const root = byId("models");
    if (!anew) {
      root.querySelector(`[value="${model.name}"]`).checked = true;
      return;
    }
    const focused = root.contains(document.activeElement);
    draw(root, this.of(model.task), model, (one) => {
      this.take(one);
      this.#calls.changed();
    });
    if (focused) root.querySelector(":checked").focus({ preventScroll: true });
  }

  /** The list covers what is below it, so it closes when somebody turns to that. */
  #listenToList() {
    const box = byId("model-box");
    const close = () => {
      box.open = false;
    };
    for (const turned of ["pointerdown", "focusin"]) {
      document.addEventListener(turned, (event) => {
        if (!box.contains(event.target)) close();
      });
    }
    box.addEventListener("toggle", () => {
      const list = byId("model-list");
      const row = list.querySelector(".row:has(:checked)");
      const down = row.getBoundingClientRect().top - list.getBoundingClientRect().top;
      if (box.open) list.scrollTop += down - list.clientHeight / 2;
    });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !box.open) return;
      event.stopPropagation();
      close();
      box.querySelector("summary").focus();
    });
  }
}
