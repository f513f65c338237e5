// The studio: what is worked on, and what happens when something of it changes.

import * as api from "./api.js";
import { Batch, MOST } from "./batch.js";
import { camera } from "./camera.js";
import { AUTO, Choice } from "./choice.js";
import { Compare } from "./compare.js";
import { HintPanel } from "./hintpanel.js";
import { Hints } from "./hints.js";
import { History } from "./history.js";
import { incoming } from "./incoming.js";
import { fileSize, isVideo, load, megapixels, open } from "./intake.js";
import { presetOf, wordOf, wordsOf } from "./models.js";
import { Output, save } from "./output.js";
import { remember, remembered } from "./remember.js";
import { Settings } from "./settings.js";
import * as texts from "./texts.js";
import { decimal, listed, ofServer, percent, t, Told } from "./texts.js";
import { limitsText, Video } from "./video.js";
import { Viewer } from "./view.js";
import { largestChange } from "./where.js";
import { fields, takes, Work } from "./work.js";

const byId = (id) => document.getElementById(id);

const CLOSE = 6; // CSS pixels for one of the picture, where the largest change is shown

const viewer = new Viewer(byId("viewer"));
const hints = new Hints();
const settings = new Settings(byId("setting-list"), (often) => changed(often));
const history = new History({ back, model: (name) => choice.named(name) });
const work = new Work({ preview, result: finished, busy, failed });
const compare = new Compare({ job, models: (task) => choice.of(task), show: showPair, fail });
const output = new Output({ shown: () => shown, busy, say, fail });
const batch = new Batch({
  limits: () => limits,
  model: (task) => choice.modelOf(task),
  settings: (task) => (choice.tasks.includes(task) ? settings.values : {}),
  wishes: () => output.wishes,
  show: (file) => take([file], false),
  fail,
});

const video = new Video({
  limits: () => limits,
  tasks: () => choice.all,
  models: (task) => choice.of(task),
  open: () => {
    live.stop();
    work.stop();
    measuring?.abort();
    stage("video");
  },
  busy,
  say,
  fail,
});

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
let opening = null; // AbortController of the photograph that is being opened
let measuring = null; // likewise of models
let again = null; // what "Try again" does
let saying = () => ""; // the text of the status
let failing = null; // the error that is shown

function job() {
  const { models, tasks, state } = choice;
  // Where a file stores chroma in full, only that is left to be rebuilt.
  const full = tasks.includes("chroma") && !picture.look.subsampled;
  return Object.freeze({
    picture,
    models,
    state,
    settings: full ? { ...settings.values, resample: true } : settings.values,
    hints: hints.list,
    reference,
    quick: tasks.length === 1 && tasks[0] === "colorize",
  });
}

/** A text that is made anew when the language changes. */
function say(text) {
  saying = text;
  byId("status").textContent = text();
}

const nothing = () => "";

/** One line on what went wrong; retry does it again, where that may help. */
function fail(error, retry = null) {
  say(nothing);
  failing = error;
  byId("error").textContent = error.message;
  offerAgain(error.passing ? retry : null);
}

function offerAgain(action) {
  again = action;
  byId("again").hidden = !action;
}

function quiet() {
  failing = null;
  byId("error").textContent = "";
  offerAgain(null);
}

function busy(text, share = 0) {
  const on = Boolean(text);
  byId("progress").hidden = byId("cancel").hidden = !on;
  byId("progress").classList.toggle("known", share > 0);
  byId("progress").style.setProperty("--share", share);
  byId("viewer").setAttribute("aria-busy", String(on));
  if (on) quiet();
  say(text ?? nothing);
}

function cancel() {
  if (video.working) {
    video.cancel();
    busy(null);
    say(() => t("status.cancelled"));
    return;
  }
  opening?.abort();
  measuring?.abort();
  const stopped = Boolean(picture) && !shown;
  work.stop();
  busy(null);
  say(() => t("status.cancelled"));
  if (stopped && choice.tasks.length) offerAgain(() => changed());
}

// ---------------------------------------------------------------------- what is worked on

/** Opens photographs, the first to look at; of several a list is shown. */
async function take(files, several = true) {
  if (video.working && !confirm(t("video.sure"))) return;
  quiet();
  opening?.abort();
  const stop = (opening = new AbortController());
  try {
    if (files.length > MOST) {
      throw new Told("error.many", { count: files.length, most: MOST });
    }
    busy(() => t("status.looking"));
    if (files.length === 1 && (await isVideo(files[0]))) {
      await video.begin(files[0]);
      busy(null);
      return;
    }
    const next = await open(files[0], limits, { signal: stop.signal });
    if (stop.signal.aborted) return;
    busy(null);
    begin(next);
    if (several) batch.offer(files);
  } catch (error) {
    if (stop.signal.aborted) return;
    busy(null);
    fail(error, () => take(files, several));
    if (several && files.length > 1 && files.length <= MOST) batch.offer(files);
  }
}

function begin(next) {
  live.stop();
  video.close();
  measuring?.abort();
  work.stop();
  picture = next;
  shown = pair = null;
  recall([], null);
  choice.begin(picture.look);
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

function chosen() {
  const { models } = choice;
  const names = new Set(models.flatMap((model) => model.takes));
  settings.taken = names;
  byId("compare").hidden = models.length !== 1;
  if (models.length === 1) compare.offer(models[0]);
  drawHints();
  drawAdvice();
  if (picture) view("result");
}

/** What can be done all the same where nothing needs to be. */
function drawAdvice() {
  const idle = picture && choice.state.main === AUTO && !choice.tasks.length;
  byId("advice").hidden = !idle;
  if (!idle) return;
  byId("advice-text").textContent = t("advice", { why: ofServer(picture.look.why) });
  const possible = choice.all.filter((task) => picture.look.possible[task]);
  byId("advice-tasks").replaceChildren(
    ...possible.map((task) => {
      const button = document.createElement("button");
      button.type = "button";
      button.value = task;
      button.textContent = t("advice.anyway", { task: t(`${task}.do`) });
      button.addEventListener("click", () => {
        choice.takeTask(task);
        changed();
      });
      return button;
    }),
  );
}

function takesHints() {
  return takes(choice.models, "hints");
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
  if (choice.tasks.length) work.begin(job(), often);
  else rest();
}

/** Nothing is to be done: the picture as it is. */
function rest() {
  work.stop();
  quiet();
  shown = null;
  history.mark(null);
  viewer.show("right", null);
  drawResult();
}

// -------------------------------------------------------------------------------- results

function preview(blob, { picture: of }) {
  if (of !== picture) return;
  const before = previewUrl;
  previewUrl = URL.createObjectURL(blob);
  count("preview");
  viewer.show("right", previewUrl, { kind: "colours", alt: t("after.quick") });
  divide(true);
  if (before) setTimeout(() => URL.revokeObjectURL(before), 2000);
}

async function finished(result) {
  const before = { ...result, url: URL.createObjectURL(result.blob) };
  shown = before;
  count("done");
  drawResult();
  const { width, height } = picture;
  say(() => {
    const values = { width, height, models: wordsOf(result.job.models) };
    const line = result.cached
      ? t("status.before", values)
      : t("status.done", { ...values, seconds: decimal(result.seconds, 2) });
    return [line, ...result.notes.map(ofServer)].join(" ");
  });
  const entry = await history.add(before);
  if (shown === before) shown = entry;
  if (!result.cached) choice.readTimes().catch(() => {}); // the next result brings them
}

/** How many there were stands in the page, for who waits for the next one. */
function count(name) {
  const { dataset } = byId("viewer");
  dataset[name] = String(Number(dataset[name] ?? 0) + 1);
}

/** A job that cannot be done; a result of other tasks would pass for its result. */
function failed(error, { models }) {
  fail(error, () => changed());
  const tasksOf = (list) => list.map(({ task }) => task).join();
  if (!shown || tasksOf(shown.job.models) === tasksOf(models)) return;
  shown = null;
  history.mark(null);
  viewer.show("right", null);
  drawResult();
}

/** Back to something that was made before, as it was. */
function back(entry) {
  live.stop();
  video.close();
  opening?.abort();
  measuring?.abort();
  work.stop();
  const same = entry.job.picture === picture;
  picture = entry.job.picture;
  settings.values = entry.job.settings;
  recall(entry.job.hints, entry.job.reference);
  choice.restore(picture.look, entry.job.state);
  stage("viewer");
  if (!same) viewer.begin(picture);
  pair = null;
  shown = entry;
  drawResult();
  history.mark(entry);
  quiet();
  const { name } = picture;
  say(() => t("status.back", { name }));
}

function showPair({ left, right, difference }) {
  const samePreset = left.model.preset === right.model.preset;
  const side = (one) => ({
    url: URL.createObjectURL(one.blob),
    text: () => (samePreset ? one.model.recipe : wordOf(one.model)),
  });
  pair = { left: side(left), right: side(right), difference: URL.createObjectURL(difference) };
  view("difference");
}

/** Has every model of a task do the photograph, one after the other, until it is another. */
async function measure(task) {
  measuring?.abort();
  const stop = (measuring = new AbortController());
  const of = job();
  try {
    for (const one of choice.of(task)) {
      busy(() => t("status.measuring", { model: `${presetOf(one)} ${one.recipe}` }));
      const entries = fields({ ...of, models: [one], hints: [], reference: null });
      await api.process({ ...entries, image: of.picture.file, format: "png" }, { signal: stop.signal });
      await choice.readTimes();
    }
    busy(null);
    const { width, height } = of.picture;
    say(() => t("status.measured", { width, height }));
  } catch (error) {
    if (stop.signal.aborted) return;
    busy(null);
    fail(error, () => measure(task));
  }
}

async function find() {
  const compared = pair && byId("views").querySelector(":checked").value !== "result";
  const sides = compared ? [pair.left.url, pair.right.url] : [picture.url, shown.url];
  const place = largestChange(...(await Promise.all(sides.map(load))));
  viewer.lookAt(place, Math.max(CLOSE, viewer.scale));
  viewer.splitAt(viewer.toBox(place).x);
}

// ------------------------------------------------------------------------- what is on show

/** "welcome", "viewer", "video" or "camera". */
function stage(name) {
  for (const id of ["settings-box", "output"]) byId(id).hidden = name !== "viewer";
  for (const id of ["video", "video-card"]) byId(id).hidden = name !== "video";
  byId("task-card").hidden = name === "video";
  byId("controls").hidden = name === "camera"; // none of them is of the camera
  byId("history-box").hidden =
    ["camera", "video"].includes(name) || (name === "welcome" && history.empty);
  byId("welcome").hidden = name !== "welcome";
  byId("viewer").hidden = byId("toolbar").hidden = name !== "viewer";
  document.body.dataset.stage = name;
  drawHints();
}

function drawHints() {
  const inTask = choice.tasks.includes("colorize") && Boolean(choice.hinted);
  const taken = inTask && takesHints();
  byId("hints").hidden = !inTask || !picture || document.body.dataset.stage !== "viewer";
  byId("hints-off").hidden = taken;
  byId("hints-in").hidden = !taken;
  byId("markers").hidden = !taken;
  byId("viewer").classList.toggle("pointing", taken);
}

function drawResult() {
  for (const id of ["save", "copy", "compare-run"]) byId(id).disabled = !shown;
  byId("find").hidden = !shown;
  output.draw();
  view("result");
}

/** The "result" beside the original, the "pair" compared, or its "difference". */
function view(name) {
  byId("views").hidden = !pair;
  byId("views").querySelector(`[value=${name}]`).checked = true;
  const alt = t("views.difference");
  viewer.show("over", name === "difference" ? pair.difference : null, { alt });
  if (name === "result") {
    viewer.show("left", picture.url, { alt: t("before.of", picture) });
    if (shown) viewer.show("right", shown.url, { alt: t("after.of", picture) });
    chips(t("before"), t("after"));
    divide(Boolean(shown));
  } else {
    const [left, right] = [pair.left.text(), pair.right.text()];
    viewer.show("left", pair.left.url, { alt: left });
    viewer.show("right", pair.right.url, { alt: right });
    chips(left, right);
    divide(name === "pair");
  }
  if (pair) byId("pair-name").textContent = listed([pair.left.text(), pair.right.text()]);
}

/** Whether there are two pictures to tell apart, by a divider or beside each other. */
function divide(two) {
  viewer.divided = two;
  byId("beside").hidden = !two;
  byId("original").hidden = !shown || viewer.beside;
}

function setBeside(on) {
  viewer.beside = on;
  byId("beside").setAttribute("aria-pressed", String(on));
  byId("original").hidden = !shown || on;
}

function chips(left, right) {
  byId("chip-left").textContent = left;
  byId("chip-right").textContent = right;
}

// ------------------------------------------------------------------------------------ wiring

function listen() {
  incoming(take, fail);
  const on = (id, action) => byId(id).addEventListener("click", action);
  on("sample", () => sample());
  on("zoom-in", () => viewer.zoom(1.5));
  on("zoom-out", () => viewer.zoom(1 / 1.5));
  on("fit", () => viewer.fit());
  on("find", () => find());
  on("beside", () => {
    setBeside(!viewer.beside);
    remember("beside", String(viewer.beside));
  });
  setBeside(remembered("beside") === "true");
  listenFullScreen();
  on("cancel", () => cancel());
  on("again", () => again?.());
  on("hints-on", () => {
    choice.take(choice.hinted);
    changed();
  });
  byId("views").addEventListener("change", (event) => view(event.target.value));
  viewer.addEventListener("view", () => drawZoom());
  viewer.addEventListener("point", ({ detail }) => {
    if (!byId("markers").hidden) panel.point(detail);
  });
  holdOriginal();
  document.addEventListener("keydown", (event) => {
    if (!picture || !takesHints()) return;
    if (hintKey(event)) event.preventDefault();
  });
}

/** Not on every phone, and not in every frame. */
function listenFullScreen() {
  const button = byId("full");
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else byId("work").requestFullscreen();
  });
  document.addEventListener("fullscreenchange", () => {
    button.setAttribute("aria-pressed", String(Boolean(document.fullscreenElement)));
  });
}

function drawZoom() {
  byId("zoom").textContent = percent(viewer.scale);
}

function listenLanguage() {
  const select = byId("language");
  select.value = texts.current();
  select.addEventListener("change", async () => {
    try {
      await texts.choose(select.value);
    } catch {
      select.value = texts.current();
      fail(new Told("error.unreachable"));
    }
  });
  texts.whenSpoken(() => {
    say(saying);
    if (failing) byId("error").textContent = failing.message;
    drawLimits();
    drawZoom();
    drawAdvice();
    if (picture) view(byId("views").querySelector(":checked").value);
  });
}

function drawLimits() {
  if (!limits) return;
  const { upload_bytes: bytes, pixels } = limits;
  byId("limits").textContent = t("welcome.limits", {
    size: fileSize(bytes),
    pixels: megapixels(pixels),
  });
  byId("limits-video").textContent = limitsText(limits);
}

/** As long as a button or the key O is held, the picture is as it was. */
function holdOriginal() {
  const button = byId("original");
  const show = (on) => {
    byId("viewer").classList.toggle("original", on && Boolean(shown));
    button.setAttribute("aria-pressed", String(on));
  };
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    show(true);
  });
  for (const end of ["lostpointercapture", "blur"]) button.addEventListener(end, () => show(false));
  const held = ({ key, target }) =>
    (key.toLowerCase() === "o" && !target.matches("input[type=text], select")) ||
    (target === button && [" ", "Enter"].includes(key));
  document.addEventListener("keydown", (event) => {
    if (held(event) && !event.ctrlKey && !event.metaKey && !event.altKey) show(true);
  });
  document.addEventListener("keyup", (event) => {
    if (held(event)) show(false);
  });
}

/** Whether a key did something with the hints. */
function hintKey({ key, target, ctrlKey, metaKey, shiftKey }) {
  const lower = key.toLowerCase();
  if (key === "Escape") panel.leave();
  else if (target.matches("input[type=text], select")) return false;
  else if (!ctrlKey && !metaKey) return false;
  else if (lower === "y" || (lower === "z" && shiftKey)) panel.redo();
  else if (lower === "z") panel.undo();
  else return false;
  return true;
}

/** The sample of the task that was chosen; of a grey photograph, where none was. */
async function sample() {
  const { main } = choice.state;
  try {
    await take([await api.sample(main === AUTO ? "colorize" : main)]);
  } catch (error) {
    fail(error, () => sample());
  }
}

async function start() {
  let known;
  try {
    known = await api.models();
  } catch (error) {
    fail(error, () => start());
    return;
  }
  quiet();
  limits = known.limits;
  drawLimits();
  panel = new HintPanel(hints, viewer, limits, {
    job,
    palette: () => choice.modelOf("colorize"),
    say,
    fail,
    save,
    borrow,
  });
  live = camera(known, {
    toggled: (on) => {
      quiet();
      stage(on ? "camera" : video.file ? "video" : picture ? "viewer" : "welcome");
    },
    fail,
  });
  choice = new Choice(known, { chosen, changed, measure });
  chosen();
  listen();
  await history.begin();
  stage("welcome");
  document.body.dataset.ready = "true";
}

listenLanguage();
start();
