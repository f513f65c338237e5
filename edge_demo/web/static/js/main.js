// The studio: what is worked on, and what happens when something of it changes.

import * as api from "./api.js";
import { camera } from "./camera.js";
import { Choice } from "./choice.js";
import { Compare } from "./compare.js";
import { HintPanel } from "./hintpanel.js";
import { Hints } from "./hints.js";
import { incoming } from "./incoming.js";
import { load, megabytes, megapixels, open } from "./intake.js";
import { presetOf, TASKS } from "./models.js";
import { Output, save } from "./output.js";
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
const compare = new Compare({ job, models: (task) => choice.of(task), show: showPair, fail });
const output = new Output({ job, shown: () => shown, busy, say, fail });

// Made in start(), once the server has told its models and limits.
let limits = null;
let choice = null;
let panel = null;
let live = null;

let picture = null;
let shown = null; // the result on show
let pair = null; // two models that were compared
let reference = null; // a photograph whose colours are put by themselves
let previewUrl = null;

function job() {
  return Object.freeze({
    picture,
    model: choice.model,
    settings: settings.values,
    hints: hints.list,
    reference,
    quick: choice.model.task === "colorize",
  });
}

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

// ---------------------------------------------------------------------- what is worked on

async function take(files, keepTask = choice.byHand) {
  byId("error").textContent = "";
  try {
    if (files.length > limits.files) {
      throw new Error(`${files.length} files, but at most ${limits.files} are taken at once.`);
    }
    begin(await open(files[0], limits), keepTask);
    output.offer(files);
  } catch (error) {
    fail(error);
  }
}

function begin(next, keepTask) {
  live.stop();
  work.stop();
  picture = next;
  shown = pair = null;
  recall([], null);
  const fitting = picture.grey ? "colorize" : picture.dark ? "enhance" : "chroma";
  if (!keepTask && choice.of(fitting).length) choice.takeTask(fitting);
  stage("viewer");
  viewer.begin(picture);
  viewer.split = 0.5;
  viewer.show("right", null);
  drawResult();
  changed();
}

/** Hints and a lender of colours of another picture: nothing is worked on because of them. */
function recall(list, lender) {
  panel.drop();
  reference = lender;
  panel.lent(lender, [], Boolean(lender));
  hints.removeEventListener("change", hintsChanged);
  hints.begin(list);
  hints.addEventListener("change", hintsChanged);
}

function chosen(model) {
  settings.model = model;
  compare.offer(model);
  drawHints();
  if (picture) view("result");
}

function takesHints() {
  return choice.model.takes.includes("hints");
}

function hintsChanged() {
  if (takesHints()) changed(true);
}

function borrow(lender) {
  reference = lender;
  changed(true);
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
  count("preview");
  viewer.show("right", previewUrl, { kind: "colours", alt: "After, a quick look" });
  viewer.divided = true;
  if (before) setTimeout(() => URL.revokeObjectURL(before), 2000);
}

async function finished(result) {
  const before = { ...result, url: URL.createObjectURL(result.blob) };
  shown = before;
  count("done");
  drawResult();
  const { model } = result.job;
  const how = result.cached ? "As before" : `Done in ${result.seconds.toFixed(2)} s`;
  const what = `${picture.width} × ${picture.height}, ${presetOf(model)} ${model.recipe}`;
  say([`${how}: ${what}.`, ...result.notes].join(" "));
  const entry = await visit.add(before);
  if (shown === before) shown = entry;
  if (!result.cached) choice.readTimes().catch(() => {}); // the next result brings them
}

/** How many there were stands in the page, for who waits for the next one. */
function count(name) {
  const { dataset } = byId("viewer");
  dataset[name] = String(Number(dataset[name] ?? 0) + 1);
}

/** A job that cannot be done; a result of another task would pass for its result. */
function failed(error, { model }) {
  fail(error);
  if (!shown || shown.job.model.task === model.task) return;
  shown = null;
  visit.mark(null);
  viewer.show("right", null);
  drawResult();
}

/** Back to something of this visit, as it was. */
function back(entry) {
  live.stop();
  work.stop();
  const same = entry.job.picture === picture;
  picture = entry.job.picture;
  settings.values = entry.job.settings;
  recall(entry.job.hints, entry.job.reference);
  choice.take(entry.job.model);
  stage("viewer");
  if (!same) viewer.begin(picture);
  pair = null;
  shown = entry;
  drawResult();
  visit.mark(entry);
  byId("error").textContent = "";
  say(`Back to ${picture.name}.`);
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

/** Has every model of the task do the photograph, one after the other. */
async function measureAll() {
  byId("measure").disabled = true;
  const of = picture;
  try {
    for (const one of choice.of(choice.model.task)) {
      busy(`Measuring ${presetOf(one)} ${one.recipe}…`);
      const entries = fields({ ...job(), model: one, hints: [], reference: null });
      await api.process({ ...entries, image: of.file, format: "png" });
      await choice.readTimes();
    }
    busy("");
    say(`Measured on ${of.width} × ${of.height}.`);
  } catch (error) {
    busy("");
    fail(error);
  }
  byId("measure").disabled = false;
}

async function find() {
  const compared = pair && byId("views").querySelector(":checked").value !== "result";
  const sides = compared ? [pair.left.url, pair.right.url] : [picture.url, shown.url];
  const place = largestChange(...(await Promise.all(sides.map(load))));
  viewer.lookAt(place, Math.max(CLOSE, viewer.scale));
  viewer.splitAt(viewer.toBox(place).x);
}

// ------------------------------------------------------------------------- what is on show

/** "welcome", "viewer" or "camera". */
function stage(name) {
  for (const id of ["settings-box", "output", "visit-box"]) byId(id).hidden = name !== "viewer";
  byId("welcome").hidden = name !== "welcome";
  byId("viewer").hidden = byId("toolbar").hidden = name !== "viewer";
  document.body.dataset.stage = name;
  drawHints();
}

function drawHints() {
  const inTask = choice.model.task === "colorize" && Boolean(choice.hinted);
  const taken = inTask && takesHints();
  byId("hints").hidden = !inTask || !picture;
  byId("hints-off").hidden = taken;
  byId("hints-in").hidden = !taken;
  byId("markers").hidden = !taken;
  byId("viewer").classList.toggle("pointing", taken);
}

function drawResult() {
  for (const id of ["save-png", "save-jpeg", "compare-run", "find", "measure"]) {
    byId(id).disabled = !shown;
  }
  view("result");
}

/** The "result" beside the original, the "pair" compared, or its "difference". */
function view(name) {
  const { task } = choice.model;
  byId("views").hidden = !pair;
  byId("views").querySelector(`[value=${name}]`).checked = true;
  viewer.show("over", name === "difference" ? pair.difference : null, { alt: "Difference" });
  if (name === "result") {
    const kind = task === "colorize" ? "grey" : "";
    viewer.show("left", picture.url, { kind, alt: `Before: ${picture.name}` });
    if (shown) viewer.show("right", shown.url, { alt: `After: ${picture.name}` });
    chips(TASKS[task].before, "After");
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

// ------------------------------------------------------------------------------------ wiring

function listen() {
  incoming(take);
  const on = (id, action) => byId(id).addEventListener("click", action);
  on("sample", () => sample());
  on("zoom-in", () => viewer.zoom(1.5));
  on("zoom-out", () => viewer.zoom(1 / 1.5));
  on("fit", () => viewer.fit());
  on("find", () => find());
  on("measure", () => measureAll());
  on("hints-on", () => {
    choice.take(choice.hinted);
    changed();
  });
  byId("views").addEventListener("change", (event) => view(event.target.value));
  viewer.addEventListener("view", () => {
    byId("zoom").textContent = `${Math.round(100 * viewer.scale)} %`;
  });
  viewer.addEventListener("point", ({ detail }) => {
    if (!byId("markers").hidden) panel.point(detail);
  });
  document.addEventListener("keydown", (event) => {
    if (!picture || !takesHints()) return;
    if (hintKey(event)) event.preventDefault();
  });
}

/** Whether a key did something with the hints. */
function hintKey({ key, target, ctrlKey, metaKey, shiftKey }) {
  if (target.matches("input[type=text], select")) return false;
  const lower = key.toLowerCase();
  if (key === "Escape") panel.drop();
  else if (!ctrlKey && !metaKey) return false;
  else if (lower === "y" || (lower === "z" && shiftKey)) panel.redo();
  else if (lower === "z") panel.undo();
  else return false;
  return true;
}

async function sample() {
  try {
    await take([await api.sample(choice.model.task)], true);
  } catch (error) {
    fail(error);
  }
}

async function start() {
  let known;
  try {
    known = await api.models();
  } catch (error) {
    fail(error);
    return;
  }
  limits = known.limits;
  byId("limits").textContent =
    `JPEG, PNG or WebP, up to ${megabytes(limits.upload_bytes)} and ${megapixels(limits.pixels)}.`;
  panel = new HintPanel(hints, viewer, limits, { job, say, fail, save, borrow });
  live = camera(known.camera, (on) => stage(on ? "camera" : picture ? "viewer" : "welcome"));
  choice = new Choice(known, { chosen, changed });
  choice.takeTask(Object.keys(TASKS).find((task) => choice.of(task).length));
  listen();
  stage("welcome");
  document.body.dataset.ready = "true";
}

start();
