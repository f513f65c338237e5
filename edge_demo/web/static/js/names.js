// Words for colours, for those who cannot see them.

import { fromHex, rgbToLab } from "./lab.js";
import { t } from "./texts.js";

// Up to which angle in the plane of a and b, in degrees, a hue has a name.
const HUES = [[20, "pink"], [48, "red"], [82, "orange"], [112, "yellow"], [170, "green"],
  [220, "teal"], [309, "blue"], [322, "violet"], [340, "purple"], [360, "pink"]];

/** "dark greyish blue" */
export function nameOf(hex) {
  const [lightness, a, b] = rgbToLab(fromHex(hex));
  const chroma = Math.hypot(a, b);
  let name = t(`colour.${hueOf(lightness, a, b, chroma)}`);
  if (chroma >= 6 && chroma < 22) name = t("colour.greyish", { name });
  if (lightness < 35) return t("colour.dark", { name });
  return lightness > 75 ? t("colour.light", { name }) : name;
}

function hueOf(lightness, a, b, chroma) {
  if (chroma < 6) return "grey";
  const angle = ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360;
  const hue = HUES.find(([limit]) => angle <= limit)[1];
  return hue === "orange" && lightness < 60 ? "brown" : hue;
}
