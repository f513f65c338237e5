// The live picture of the device's camera, where the server has one.

import * as api from "./api.js";
import { draw, toBlob } from "./intake.js";
import { save } from "./output.js";

const byId = (id) => document.getElementById(id);

/** Shows the button if there is a camera; calls toggled(on), and fail(error, again). */
export function camera(available, { toggled, fail }) {
  const button = byId("camera-toggle");
  const picture = byId("camera-picture");
  button.hidden = !available;
  const set = (on) => {
    button.setAttribute("aria-pressed", String(on));
    byId("camera").hidden = byId("camera-tools").hidden = !on;
    // Without an address the browser lets go of the stream.
    if (on) picture.src = `camera?${Date.now()}`;
    else picture.removeAttribute("src");
    toggled(on);
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-pressed") !== "true"));
  byId("snapshot").addEventListener("click", async () => {
    const blob = await toBlob(draw(picture, Infinity).canvas);
    save(blob, `camera-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.png`);
  });
  picture.addEventListener("error", async () => {
    if (!picture.hasAttribute("src")) return;
    set(false);
    fail(await api.cameraRefusal(), () => set(true));
  });
  return { stop: () => button.getAttribute("aria-pressed") === "true" && set(false) };
}
