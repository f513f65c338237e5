// The studio: what is worked on, and what happens when something of it changes.

import * as api from "./api.js";
import { camera } from "./camera.js";
import { Compare } from "./compare.js";
import { HintPanel } from "./hintpanel.js";
import { Hints } from "./hints.js";
import { load, megabytes, megapixels, open } from "./intake.js";
import { draw as drawModels, inRecipe, kibibytes, milliseconds, presetOf, TASKS } from "./models.js";
import { Settings } from "./settings.js";
import { Viewer } from "./view.js";
import { Visit } from "./visit.js";
import { largestChange } from "./where.js";
import { fields, Work } from "./work.js";

const byId = (id) => document.getElementById(id);

const CLOSE = 6; // CSS pixels for one of the picture, where the largest change is shown

const viewer = new Viewer(byId("viewer"));
const hints = new Hints();
const settings = new Settings(byId("setting-list"), (often) => changed(often));
const visit = new Visit(byId("visit"), (entry) => back(entry));
const work = new Work({ preview, result: finished, busy, failed });
const compare = new Compare({ job, models: ofTask, show: showPair, fail });

let known = { models: [], defaults: {}, limits: {} };
let panel = null; // of hints; once the limits are known
let live = null; // the camera
let picture = null;
let model = null;
let shown = null; // the result on show
let pair = null; // two models that were compared
let taskByHand = false;
let batch = [];
let reference = null; // a photograph whose colours are put by themselves
let previewUrl = null;

const chosenBefore = new Map(); // task to the model last used for it

function ofTask(task) {
  return known.models.filter((one) => one.task === task);
}

function job(quickly = true) {
  return Object.freeze({
    picture,
    model,
    settings: settings.values,
    hints: hints.list,
    reference,
    quick: quickly && model?.task === "colorize",
  });
}

// ------------------------------------------------------------------------------------ messages

function say(text) {
  byId("status").textContent = text;
}

function fail(error) {
  byId("error").textContent = error.message;
}

function busy(text) {
  byId("progress").hidden = !text;
  byId("viewer").setAttribute("aria-busy", String(Boolean(text)));
  if (!text) return;
  byId("error").textContent = "";
  say(text);
}

// --------------------------------------------------------------------------- task and model

function drawTasks() {
  byId("tasks").replaceChildren(
    ...Object.keys(TASKS)
      .filter((task) => ofTask(task).length)
      .map((task) => {
        const label = document.createElement("label");
        const input = document.createElement("input");
        Object.assign(input, { type: "radio", name: "task", value: task });
        input.addEventListener("click", () => {
          taskByHand = true; // also where it was chosen before
        });
        input.addEventListener("change", () => {
          chooseTask(task);
          changed();
        });
        const text = document.createElement("span");
        text.textContent = TASKS[task].title;
        label.append(input, text);
        return label;
      }),
  );
}

function chooseTask(task) {
  const models = ofTask(task);
  const name = chosenBefore.get(task) ?? known.defaults[task];
  chooseModel(models.find((one) => one.name === name) ?? models[0]);
}

function chooseModel(next) {
  const otherTask = next.task !== model?.task;
  model = next;
  chosenBefore.set(model.task, model.name);
  byId("tasks").querySelector(`[value=${model.task}]`).checked = true;
  byId("task-text").textContent = TASKS[model.task].text;
  drawModel(otherTask);
  settings.model = model;
  compare.offer(model);
  drawHints();
  if (picture) view("result");
}

function drawModel(anew) {
  byId("model-name").textContent = presetOf(model);
  byId("model-facts").textContent =
    `${model.recipe} · ${kibibytes(model.bytes)} · ${milliseconds(model.latency_ms)}`;
  const root = byId("models");
  if (!anew) {
    root.querySelector(`[value="${model.name}"]`).checked = true;
    return;
  }
  const focused = root.contains(document.activeElement);
  drawModels(root, ofTask(model.task), model, (one) => {
    chooseModel(one);
    changed();
  });
  if (focused) root.querySelector(":checked").focus({ preventScroll: true });
}

/** A model of the task that takes hints, in the recipe that is used now. */
function hinted() {
  const models = ofTask("colorize").filter((one) => one.takes.includes("hints"));
  return models.find((one) => one.recipe === model.recipe) ?? models[0];
}

function takesHints() {
  return model.takes.includes("hints");
}

function drawHints() {
  const inTask = model.task === "colorize" && Boolean(hinted());
  byId("hints").hidden = !inTask || !picture;
  byId("hints-off").hidden = takesHints();
  byId("hints-in").hidden = !takesHints();
  byId("markers").hidden = !inTask || !takesHints();
  byId("viewer").classList.toggle("pointing", inTask && takesHints());
}

// ------------------------------------------------------------------------------- pictures

async function take(files, { keepTask = taskByHand } = {}) {
  const pictures = [...files].slice(0, known.limits.files ?? 1);
  if (!pictures.length) return;
  byId("error").textContent = "";
  try {
    begin(await open(pictures[0], known.limits), keepTask);
  } catch (error) {
    fail(error);
    return;
  }
  batch = pictures.length > 1 ? pictures : [];
  drawBatch();
}

function begin(next, keepTask) {
  live?.stop();
  work.stop();
  picture = next;
  shown = pair = null;
  panel.drop();
  panel.lent(null, [], false);
  reference = null;
  setHints([]);
  const fitting = picture.grey ? "colorize" : picture.dark ? "enhance" : "chroma";
  if (!keepTask && ofTask(fitting).length) chooseTask(fitting);
  stage("viewer");
  viewer.begin(picture);
  viewer.split = 0.5;
  viewer.show("right", null);
  drawResult();
  changed();
}

function stage(name) {
  for (const id of ["settings-box", "output", "visit-box"]) byId(id).hidden = name !== "viewer";
  byId("welcome").hidden = name !== "welcome";
  byId("viewer").hidden = byId("toolbar").hidden = name !== "viewer";
  document.body.dataset.stage = name;
  drawHints();
}

function changed(often = false) {
  if (!picture) return;
  compare.clear();
  if (pair) {
    pair = null;
    view("result");
  }
  work.begin(job(), often);
}

// -------------------------------------------------------------------------------- results

function preview(blob, { picture: of }) {
  if (of !== picture) return;
  const before = previewUrl;
  previewUrl = URL.createObjectURL(blob);
  byId("viewer").dataset.preview = String(Number(byId("viewer").dataset.preview ?? 0) + 1);
  viewer.show("right", previewUrl, { kind: "colours", alt: "After, a quick look" });
  viewer.divided = true;
  if (before) setTimeout(() => URL.revokeObjectURL(before), 2000);
}

async function finished(result) {
  shown = { ...result, url: URL.createObjectURL(result.blob) };
  byId("viewer").dataset.done = String(Number(byId("viewer").dataset.done ?? 0) + 1);
  drawResult();
  const how = result.cached ? "As before" : `Done in ${result.seconds.toFixed(2)} s`;
  const what = `${picture.width} × ${picture.height}, ${presetOf(model)} ${model.recipe}`;
  say([`${how}: ${what}.`, ...result.notes].join(" "));
  const entry = shown;
  await visit.add(entry);
  if (shown === entry) shown = visit.entries[0];
  if (!result.cached) readTimes();
}

/** The times that the server has measured by now. */
async function readTimes() {
  const { models } = await api.models();
  for (const one of known.models) {
    const { latency_ms, measured_on } = models.find(({ name }) => name === one.name) ?? one;
    Object.assign(one, { latency_ms, measured_on });
  }
  drawModel(true);
}

/** Has every model of the task do the photograph, one after the other. */
async function measureAll() {
  byId("measure").disabled = true;
  const of = picture;
  try {
    for (const one of ofTask(model.task)) {
      busy(`Measuring ${presetOf(one)} ${one.recipe}…`);
      const entries = fields({ ...job(), model: one, hints: [], reference: null });
      await api.process({ ...entries, image: of.file, format: "png" });
      await readTimes();
    }
    busy("");
    say(`Measured on ${of.width} × ${of.height}.`);
  } catch (error) {
    busy("");
    fail(error);
  }
  byId("measure").disabled = false;
}

/** A job that cannot be done; a result of another task would pass for its result. */
function failed(error, { model: of }) {
  fail(error);
  if (!shown || shown.job.model.task === of.task) return;
  shown = null;
  visit.mark(null);
  viewer.show("right", null);
  drawResult();
}

function drawResult() {
  for (const id of ["save-png", "save-jpeg", "compare-run", "find", "measure"]) byId(id).disabled = !shown;
  view("result");
}

/** Back to something of this visit, as it was. */
function back(entry) {
  live?.stop();
  work.stop();
  const same = entry.job.picture === picture;
  picture = entry.job.picture;
  taskByHand = true;
  settings.values = entry.job.settings;
  panel.drop();
  hints.removeEventListener("change", hintsChanged);
  hints.begin(entry.job.hints);
  reference = entry.job.reference;
  if (reference) panel.lent(reference, [], true);
  else panel.lent(null, [], false);
  hints.addEventListener("change", hintsChanged);
  chooseModel(entry.job.model);
  stage("viewer");
  if (!same) viewer.begin(picture);
  pair = null;
  shown = entry;
  drawResult();
  visit.mark(entry);
  byId("error").textContent = "";
  say(`Back to ${picture.name}.`);
}

/** What is shown: the "result" beside the original, the "pair" compared, or its "difference". */
function view(name) {
  byId("views").hidden = !pair;
  byId("views").querySelector(`[value=${name}]`).checked = true;
  const grey = model.task === "colorize" ? "grey" : "";
  viewer.show("over", name === "difference" ? pair.difference : null, { alt: "Difference" });
  if (name === "result") {
    viewer.show("left", picture.url, { kind: grey, alt: `Before: ${picture.name}` });
    if (shown) viewer.show("right", shown.url, { alt: `After: ${picture.name}` });
    chips(TASKS[model.task].before, "After");
    viewer.divided = Boolean(shown);
  } else {
    viewer.show("left", pair.left.url, { alt: pair.left.text });
    viewer.show("right", pair.right.url, { alt: pair.right.text });
    chips(pair.left.text, pair.right.text);
    viewer.divided = name === "pair";
  }
}

function chips(left, right) {
  byId("chip-left").textContent = left;
  byId("chip-right").textContent = right;
}

function showPair({ left, right, difference }) {
  const samePreset = presetOf(left.model) === presetOf(right.model);
  const side = (one) => ({
    url: URL.createObjectURL(one.blob),
    text: samePreset ? one.model.recipe : `${presetOf(one.model)} ${one.model.recipe}`,
  });
  pair = { left: side(left), right: side(right), difference: URL.createObjectURL(difference) };
  byId("pair-name").textContent = `${pair.left.text}, ${pair.right.text}`;
  view("difference");
}

// ------------------------------------------------------------------------------------ files

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function saveAs(format) {
  const { job: done, blob } = shown;
  const keep = byId("keep-metadata").checked;
  const name = `${done.picture.name.replace(/\.\w+$/, "")}.${done.model.name}`;
  if (format === "png" && !keep) {
    save(blob, `${name}.png`);
    return;
  }
  const entries = { ...fields(done), image: done.picture.file, format };
  busy("Making the file…");
  try {
    const made = await api.process({ ...entries, keep_metadata: String(keep) });
    save(made.blob, `${name}.${format === "jpeg" ? "jpg" : format}`);
    busy("");
    say(`Saved, ${megabytes(made.blob.size)}.`);
  } catch (error) {
    busy("");
    fail(error);
  }
}

function drawBatch() {
  byId("batch").hidden = !batch.length;
  byId("batch-text").textContent = `${batch.length} photographs; this is the first.`;
}

async function runBatch() {
  busy(`Working on ${batch.length} photographs…`);
  byId("batch-run").disabled = true;
  try {
    const made = await api.process({ ...fields({ ...job(), hints: [] }), image: batch, format: "png" });
    save(made.blob, `chromaedge.${model.name}.zip`);
    const failed = made.failed ? ` ${made.failed} could not be done; the manifest says why.` : "";
    say(`Saved a ZIP of ${batch.length - made.failed} photographs.${failed}`);
    batch = [];
    drawBatch();
  } catch (error) {
    fail(error);
  }
  byId("batch-run").disabled = false;
  byId("progress").hidden = true;
}

// ------------------------------------------------------------------------------------ wiring

function borrow(lender) {
  reference = lender;
  changed(true);
}

/** Hints of another picture: nothing is worked on because of them. */
function setHints(list) {
  hints.removeEventListener("change", hintsChanged);
  hints.begin(list);
  hints.addEventListener("change", hintsChanged);
}

function hintsChanged() {
  if (takesHints()) changed(true);
}

function listen() {
  const on = (id, action) => byId(id).addEventListener("click", action);
  on("open", () => byId("file").click());
  on("choose", () => byId("file").click());
  on("sample", () => sample());
  on("zoom-in", () => viewer.zoom(1.5));
  on("zoom-out", () => viewer.zoom(1 / 1.5));
  on("measure", () => measureAll());
  on("fit", () => viewer.fit());
  on("find", () => find());
  on("save-png", () => saveAs("png"));
  on("save-jpeg", () => saveAs("jpeg"));
  on("hints-on", () => {
    chooseModel(hinted());
    changed();
  });
  on("batch-run", () => runBatch());
  on("batch-close", () => {
    batch = [];
    drawBatch();
  });
  byId("file").addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    take(files);
  });
  byId("views").addEventListener("change", (event) => view(event.target.value));
  viewer.addEventListener("view", () => {
    byId("zoom").textContent = `${Math.round(100 * viewer.scale)} %`;
  });
  viewer.addEventListener("point", ({ detail }) => {
    if (!byId("markers").hidden) panel.point(detail);
  });
  hints.addEventListener("change", hintsChanged);
  listenToFiles();
  listenToModels();
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=text], textarea, select");
    if (typing || !(event.ctrlKey || event.metaKey) || !picture || !takesHints()) return;
    const key = event.key.toLowerCase();
    if (key === "z") event.shiftKey ? panel.redo() : panel.undo();
    else if (key === "y") panel.redo();
    else return;
    event.preventDefault();
  });
}

/** The list of models covers what is below it, so it closes when somebody turns to that. */
function listenToModels() {
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
    close();
    box.querySelector("summary").focus();
  });
}

function listenToFiles() {
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) take(event.clipboardData.files);
  });
  let inside = 0;
  const over = (step) => {
    inside = Math.max(0, inside + step);
    document.body.classList.toggle("dropping", inside > 0);
  };
  document.addEventListener("dragenter", () => over(1));
  document.addEventListener("dragleave", () => over(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(-inside);
    take(event.dataTransfer.files);
  });
}

async function sample() {
  try {
    await take([await api.sample(model.task)], { keepTask: true });
  } catch (error) {
    fail(error);
  }
}

async function find() {
  const compared = pair && byId("views").querySelector(":checked").value !== "result";
  const sides = compared ? [pair.left.url, pair.right.url] : [picture.url, shown.url];
  const place = largestChange(...(await Promise.all(sides.map(load))));
  viewer.lookAt(place, Math.max(CLOSE, viewer.scale));
  viewer.splitAt(viewer.toBox(place).x);
}

async function start() {
  try {
    known = await api.models();
  } catch (error) {
    fail(error);
    return;
  }
  const { limits } = known;
  byId("limits").textContent =
    `JPEG, PNG or WebP, up to ${megabytes(limits.upload_bytes)} and ${megapixels(limits.pixels)}.`;
  panel = new HintPanel(hints, viewer, limits, { job, say, fail, save, borrow });
  live = camera(Boolean(known.camera), (on) => stage(on ? "camera" : picture ? "viewer" : "welcome"));
  drawTasks();
  chooseTask(Object.keys(TASKS).find((task) => ofTask(task).length));
  listen();
  stage("welcome");
  document.body.dataset.ready = "true";
}

start();
