// The server's endpoints, as edge_demo/web/openapi.json describes them.

import { has, ofServer, Told } from "./texts.js";

const TRIES = 4; // of a request that meets a full queue, or comes too soon after others

/**
 * What the server, or the way to it, said instead of an answer: one line for a person. A status of
 * 0: there was no answer.
 */
export class Refusal extends Told {
  constructor(status = 0, line = "", key = status ? `error.${status}` : "error.unreachable") {
    super(has(key) ? key : "error.other", { status, line });
    this.status = status;
  }

  /** Whether the same request may be answered later. */
  get passing() {
    return [0, 408, 429, 503, 504].includes(this.status);
  }
}

const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

async function ask(path, options = {}, whenFull = () => {}) {
  for (let attempt = 1; ; attempt += 1) {
    let response;
    try {
      response = await fetch(path, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal();
    }
    if (response.ok) return response;
    if ([429, 503].includes(response.status) && attempt < TRIES) {
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      whenFull(seconds);
      await pause(Math.min(seconds, 5), options.signal);
      continue;
    }
    throw new Refusal(response.status, await reason(response));
  }
}

async function reason(response) {
  return lineOf(await response.text()) ?? (response.statusText || String(response.status));
}

/** The error of an answer; null where it has none, as of a proxy on the way. */
function lineOf(text) {
  try {
    const { error } = JSON.parse(text);
    return error ? ofServer(error) : null;
  } catch {
    return null;
  }
}

/** A form of the entries that have a value. */
function form(entries) {
  const data = new FormData();
  for (const [key, value] of Object.entries(entries)) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one instanceof Blob) data.append(key, one, one.name ?? "preview.png");
      else data.append(key, one);
    }
  }
  return data;
}

const post = (path, entries, { signal, whenFull } = {}) =>
  ask(path, { method: "POST", body: form(entries), signal }, whenFull);

export const models = async () => (await ask("models")).json();

/** What became of a picture, {blob, seconds, cached, tasks, notes}. */
export async function process(entries, options) {
  const response = await post("process", entries, options);
  return {
    blob: await response.blob(),
    seconds: total(response.headers.get("Server-Timing")),
    cached: response.headers.get("X-Cache") === "hit",
    tasks: (response.headers.get("X-Tasks") ?? "").split(",").filter(Boolean),
    notes: JSON.parse(response.headers.get("X-Notes") ?? "[]"),
  };
}

/** What a picture is and what can be done for it, as openapi.json's Look. */
export const look = async (entries, options) => (await post("look", entries, options)).json();

/** A picture as it is, in a format that browsers show, as a Blob. */
export const preview = async (entries, options) => (await post("preview", entries, options)).blob();

/** Has the camera's picture restored by another model, for all who look. */
export const cameraModel = (model) => post("camera", { model });

/** Why the camera shows nothing: an element of a picture is not told. */
export async function cameraRefusal() {
  const stop = new AbortController();
  try {
    const response = await fetch("camera", { signal: stop.signal });
    if (response.ok) return new Refusal(0, "", "error.camera");
    const key = response.status === 503 ? "error.viewers" : undefined;
    return new Refusal(response.status, await reason(response), key);
  } catch {
    return new Refusal();
  } finally {
    stop.abort(); // it would go on for ever
  }
}

/** How far a named request is, {working, share}; null where nobody knows. */
export async function progress(job, signal) {
  const response = await fetch(`progress/${job}`, { signal });
  return response.ok ? response.json() : null;
}

/** Sends a video, and tells(share) how much of it is sent. */
export function sendVideo(entries, signal, tell) {
  // The one way to know that in every browser.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => tell(loaded / total);
    request.onerror = () => reject(new Refusal());
    request.onload = () => {
      const { status, responseText } = request;
      if (status === 202) resolve();
      else if (status === 503) reject(new Refusal(status, "", "error.videos"));
      else reject(new Refusal(status, lineOf(responseText) ?? String(status)));
    };
    signal.addEventListener("abort", () => {
      request.abort();
      reject(signal.reason);
    });
    request.open("POST", "video");
    request.send(form(entries));
  });
}

/** The newest frame of a video, restored, as a Blob. */
export const videoFrame = async (job, options) =>
  (await ask(`video/${job}/preview`, options)).blob();

/** What became of a video, once, as a Blob. */
export const videoResult = async (job, options) => (await ask(`video/${job}`, options)).blob();

/** Ends the work on a video, also while the page is being left. */
export const cancelVideo = (job) => fetch(`video/${job}`, { method: "DELETE", keepalive: true });

export const palette = async (entries, options) => (await post("palette", entries, options)).json();

export const colours = async (entries, options) => (await post("colors", entries, options)).json();

/** {psnr, max_difference, gain, difference}, the last a Blob of PNG; psnr null without any. */
export async function compare(entries, options) {
  const found = await (await post("compare", entries, options)).json();
  const bytes = Uint8Array.from(atob(found.difference_png), (letter) => letter.charCodeAt(0));
  return { ...found, difference: new Blob([bytes], { type: "image/png" }) };
}

/** A built-in photograph of a task, as a File. */
export async function sample(task) {
  const response = await ask(`sample/${task}`);
  const blob = await response.blob();
  const extension = blob.type.replace("image/", "").replace("jpeg", "jpg");
  return new File([blob], `sample-${task}.${extension}`, { type: blob.type });
}

/** Seconds of all stages of a Server-Timing header. */
function total(header) {
  const stages = [...(header ?? "").matchAll(/;\s*dur=([\d.]+)/g)];
  return stages.reduce((sum, [, dur]) => sum + Number(dur) / 1000, 0);
}
