// What tasks and models are called, and the lists of models: what each is for, recipes below.

import { decimal, has, listed, t } from "./texts.js";

/** "Brighten", of a task. */
export const titleOf = (task) => t(`${task}.title`);

export const kibibytes = (bytes) =>
  bytes < 1024 * 1000 ? `${Math.round(bytes / 1024)} KiB` : `${decimal(bytes / 1048576, 1)} MiB`;

export const milliseconds = (ms) => t("milliseconds", { n: decimal(ms, ms < 10 ? 1 : 0) });

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A text on what a model is for; of one that the page does not know, what the server says. */
function purpose(model, part) {
  const key = `model.${model.preset.split("-")[0]}.${part}`;
  return has(key) ? t(key) : model[part];
}

/** "vivid", and its size where two of a task are called so. */
export function plainWord(model) {
  const [, size] = model.word.split(", ");
  return size ? listed([purpose(model, "word"), size]) : purpose(model, "word");
}

/** "Vivid", for people. */
export const wordOf = (model) => capital(plainWord(model));

export const lineOf = (model) => capital(purpose(model, "line"));

/** "net-s.r1" of "colorize_net-s.r1.int8". */
export const presetOf = (model) => model.preset.replace(new RegExp(`^${model.task}_`), "");

/** Of several models in a chain: "chroma_a.int8+enhance_b.int8". */
export const namesOf = (models) => models.map(({ name }) => name).join("+");

/** "Best", or "Chroma best, Brighten fast" of a chain. */
export const wordsOf = (models) =>
  models.length === 1
    ? t("models.one", { task: titleOf(models[0].task), word: plainWord(models[0]) })
    : listed(models.map((model) =>
      t("models.several", { task: titleOf(model.task), word: plainWord(model) })));

/** The network of the same preset in another recipe, if there is one. */
export const inRecipe = (models, model, recipe) =>
  models.find((one) => one.preset === model.preset && one.recipe === recipe);

/** One model a preset: the one in use, or else its usual recipe. */
export function byPreset(models, chosen) {
  const found = new Map();
  for (const model of models) {
    if (!found.has(model.preset) || model.usual) found.set(model.preset, model);
  }
  if (chosen) found.set(chosen.preset, chosen);
  return [...found.values()];
}

/**
 * A <select> of one model a preset, by tasks where they are several. The first is "the usual one", of
 * no name, where there is a usual one.
 */
export function drawModels(select, models, chosen, usual) {
  const tasks = [...new Set(models.map(({ task }) => task))];
  const several = tasks.length > 1;
  const here = models.find(({ name }) => name === chosen);
  const options = byPreset(models, here).map((model) => {
    const word = several ? wordsOf([model]) : wordOf(model);
    return new Option(word, model.name, false, model === here);
  });
  if (usual) options.unshift(new Option(t("models.usual"), "", false, !here));
  else if (!here) options.unshift(new Option(chosen, chosen, false, true));
  select.replaceChildren(...options);
}

/** Rows of what there is to choose from, and below them the recipes of each preset. */
export function drawList(root, models, chosen, choose) {
  root.querySelector(".purposes").replaceChildren(
    ...byPreset(models, chosen).map((model) => choiceOf(model, model === chosen, choose)),
  );
  const groups = new Map();
  for (const model of models) {
    groups.set(presetOf(model), [...(groups.get(presetOf(model)) ?? []), model]);
  }
  root.querySelector(".recipes").replaceChildren(
    ...[...groups].map(([preset, rows]) => group(preset, rows, chosen, choose)),
  );
}

function choiceOf(model, checked, choose) {
  const label = document.createElement("label");
  label.className = "purpose";
  const text = cell("what", "");
  text.append(cell("word", wordOf(model)), cell("line", lineOf(model)));
  label.append(radio(`preset-${model.task}`, model.preset, checked, () => choose(model)), text, time(model));
  return label;
}

function group(preset, rows, chosen, choose) {
  const box = document.createElement("fieldset");
  box.className = "preset";
  const legend = document.createElement("legend");
  legend.textContent = preset;
  box.append(legend, ...rows.map((model) => row(model, model === chosen, choose)));
  return box;
}

function row(model, checked, choose) {
  const label = document.createElement("label");
  label.className = "row";
  const input = radio(`model-${model.task}`, model.name, checked, () => choose(model));
  label.append(input, cell("recipe", model.recipe), cell("size", kibibytes(model.bytes)), time(model));
  const on = model.measured_on;
  label.title = [
    model.name,
    on && t("models.on", on),
    model.metric && t("models.metric", { ...model.metric, value: decimal(model.metric.value, 2) }),
  ].filter(Boolean).join(", ");
  return label;
}

function radio(name, value, checked, action) {
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name, value, checked });
  input.addEventListener("change", action);
  return input;
}

const time = (model) => cell("time", model.latency_ms === null ? "–" : milliseconds(model.latency_ms));

function cell(name, text) {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}
