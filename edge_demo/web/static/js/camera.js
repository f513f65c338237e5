// The live picture of the device's camera, where the server has one.

import * as api from "./api.js";
import { draw, toBlob } from "./intake.js";
import { drawModels } from "./models.js";
import { save } from "./output.js";
import { Recording } from "./recording.js";
import { whenSpoken } from "./texts.js";

const byId = (id) => document.getElementById(id);

const named = (kind) => `camera-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${kind}`;

/**
 * Shows the button if there is a camera, as known.camera of the server's models says; calls
 * toggled(on), and fail(error, again).
 */
export function camera(known, { toggled, fail }) {
  const button = byId("camera-toggle");
  const picture = byId("camera-picture");
  const record = byId("record");
  let recording = null;
  button.hidden = !known.camera;
  record.hidden = !Recording.known;

  const set = (on) => {
    button.setAttribute("aria-pressed", String(on));
    byId("camera").hidden = byId("camera-tools").hidden = !on;
    if (!on) finish();
    // Without an address the browser lets go of the stream.
    if (on) picture.src = `camera?${Date.now()}`;
    else picture.removeAttribute("src");
    toggled(on);
  };

  const finish = async () => {
    const ended = recording;
    recording = null;
    record.setAttribute("aria-pressed", "false");
    if (ended) save(await ended.end(), named("webm"));
  };

  const models = byId("camera-model");
  const drawn = () => known.camera && drawModels(models, known.models, known.camera.model, false);
  drawn();
  whenSpoken(drawn);
  models.addEventListener("change", async () => {
    try {
      await api.cameraModel(models.value);
      known.camera.model = models.value;
    } catch (error) {
      fail(error, () => models.dispatchEvent(new Event("change")));
    }
  });
  button.addEventListener("click", () => set(button.getAttribute("aria-pressed") !== "true"));
  byId("snapshot").addEventListener("click", async () => {
    save(await toBlob(draw(picture, Infinity).canvas), named("png"));
  });
  record.addEventListener("click", () => {
    if (recording) {
      finish();
      return;
    }
    recording = new Recording(picture);
    record.setAttribute("aria-pressed", "true");
  });
  picture.addEventListener("error", async () => {
    if (!picture.hasAttribute("src")) return;
    set(false);
    fail(await api.cameraRefusal(), () => set(true));
  });
  return { stop: () => button.getAttribute("aria-pressed") === "true" && set(false) };
}
