// Two models on one picture: both results, their difference amplified, and PSNR between them.

import * as api from "./api.js";
import { inRecipe, presetOf } from "./models.js";
import { decimal, t, whenSpoken } from "./texts.js";
import { fields, options } from "./work.js";

const byId = (id) => document.getElementById(id);

/** calls: job(), models(task), show({left, right, difference}), fail(error). */
export class Compare {
  #calls;
  #under = null;
  #text = () => "";

  constructor(calls) {
    this.#calls = calls;
    byId("compare-run").addEventListener("click", () => this.#run());
    whenSpoken(() => this.#say(this.#text));
  }

  #say(text) {
    this.#text = text;
    byId("compare-text").textContent = text();
  }

  /**
   * The choices for a model: itself in float32, or another where that file is not here; and in the
   * recipe that is used or int8.
   */
  offer(model) {
    const all = this.#calls.models(model.task);
    const others = all.filter((other) => other !== model);
    const left = inRecipe(all, model, "float32") ?? others[0] ?? model;
    const right = model === left ? (inRecipe(all, model, "int8") ?? all.at(-1)) : model;
    this.#fill(byId("compare-a"), all, left);
    this.#fill(byId("compare-b"), all, right);
    this.clear();
  }

  /** What was compared is no longer what is on show. */
  clear() {
    this.#under?.abort();
    this.#say(() => "");
  }

  #fill(select, models, chosen) {
    const groups = new Map();
    for (const model of models) {
      const preset = presetOf(model);
      if (!groups.has(preset)) {
        const group = document.createElement("optgroup");
        group.label = preset;
        groups.set(preset, group);
      }
      const option = new Option(`${preset} ${model.recipe}`, model.name, false, model === chosen);
      groups.get(preset).append(option);
    }
    select.replaceChildren(...groups.values());
  }

  async #run() {
    const { reference, ...job } = this.#calls.job();
    const all = this.#calls.models(job.models[0].task);
    const [left, right] = ["a", "b"].map((side) =>
      all.find(({ name }) => name === byId(`compare-${side}`).value));
    this.#under?.abort();
    const stop = (this.#under = new AbortController());
    const wait = { signal: stop.signal };
    this.#say(() => t("compare.running"));
    byId("compare-run").disabled = true;
    try {
      const { file } = job.picture;
      const one = (model) =>
        api.process({ ...fields({ ...job, models: [model] }), image: file, format: "png" }, wait);
      const results = [await one(left), await one(right)];
      // Options that one of the two does not take would be refused for both.
      const both = { takes: left.takes.filter((name) => right.takes.includes(name)) };
      const found = await api.compare(
        {
          ...options({ ...job, models: [both] }),
          image: file,
          model_a: left.name,
          model_b: right.name,
        },
        wait,
      );
      if (stop.signal.aborted) return;
      this.#say(() => [sentence(found), reference ? t("compare.borrowed") : ""].join(" "));
      this.#calls.show({
        left: { model: left, blob: results[0].blob },
        right: { model: right, blob: results[1].blob },
        difference: found.difference,
      });
    } catch (error) {
      if (!stop.signal.aborted) {
        this.#say(() => "");
        this.#calls.fail(error);
      }
    } finally {
      byId("compare-run").disabled = false;
    }
  }
}

function sentence({ psnr, max_difference: most, gain }) {
  if (most === 0) return t("compare.same");
  return t("compare.found", { psnr: decimal(psnr, 2), count: most, gain });
}
