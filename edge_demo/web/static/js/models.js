// The list of models: grouped by preset, one row a recipe, with size and measured time.

export const TASKS = {
  chroma: {
    title: "Chroma",
    text: "Puts back the colour that JPEG keeps at only one pixel in four.",
    before: "Before",
  },
  colorize: {
    title: "Colour",
    text: "Gives a grey photograph its likely colours, and takes yours as hints.",
    before: "Grey",
  },
  enhance: {
    title: "Low light",
    text: "Brings out what a dark photograph hides, and leaves bright ones alone.",
    before: "Before",
  },
};

export const kibibytes = (bytes) =>
  bytes < 1024 * 1000 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`;

export const milliseconds = (ms) =>
  ms === null || ms === undefined ? "not measured" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** "siggraph17-lite.r1" of "colorize_siggraph17-lite.r1.int8". */
export function presetOf(model) {
  const bare = model.name.replace(new RegExp(`^${model.task}_`), "");
  return bare.endsWith(`.${model.recipe}`) ? bare.slice(0, -model.recipe.length - 1) : bare;
}

/** The network of the same preset in another recipe, if there is one. */
export const inRecipe = (models, model, recipe) =>
  models.find(
    (one) => one.task === model.task && presetOf(one) === presetOf(model) && one.recipe === recipe,
  );

/** Draws the rows of a task into an element; choose(model) is called for a row. */
export function draw(root, models, chosen, choose) {
  const groups = new Map();
  for (const model of models) {
    const preset = presetOf(model);
    groups.set(preset, [...(groups.get(preset) ?? []), model]);
  }
  root.replaceChildren(
    ...[...groups].map(([preset, rows]) => group(preset, rows, chosen, choose)),
  );
}

function group(preset, rows, chosen, choose) {
  const box = document.createElement("fieldset");
  box.className = "preset";
  const legend = document.createElement("legend");
  legend.textContent = preset;
  if (rows[0].takes.includes("hints")) legend.append(cell("tag", "takes hints"));
  box.append(legend, ...rows.map((model) => row(model, model.name === chosen?.name, choose)));
  return box;
}

function row(model, checked, choose) {
  const label = document.createElement("label");
  label.className = "row";
  const input = document.createElement("input");
  input.type = "radio";
  input.name = "model";
  input.value = model.name;
  input.checked = checked;
  input.addEventListener("change", () => choose(model));
  const time = cell("time", milliseconds(model.latency_ms));
  if (model.latency_ms === null) time.textContent = "–";
  label.append(input, cell("recipe", model.recipe), cell("size", kibibytes(model.bytes)), time);
  const on = model.measured_on;
  label.title = model.name + (on ? `, measured on ${on.width} × ${on.height}` : "");
  return label;
}

function cell(name, text) {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}

