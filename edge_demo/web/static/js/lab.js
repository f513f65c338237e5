// CIELAB of sRGB, white D65: the formulas of edge_demo/colour/lab.py, for one colour at a time.

const FROM_RGB = [
  [0.4338873, 0.376224, 0.1898886],
  [0.212639, 0.7151687, 0.0721923],
  [0.01775, 0.1094476, 0.8728023],
];
const KNEE = 6 / 29;
const LEAST = -0.002; // linear RGB that counts as shown, as for the suggestions of the server
const MOST = 1.01;

const TO_RGB = inverse(FROM_RGB);

function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const [p, q, r] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const whole = a * p + b * q + c * r;
  return [
    [p / whole, (c * h - b * i) / whole, (b * f - c * e) / whole],
    [q / whole, (a * i - c * g) / whole, (c * d - a * f) / whole],
    [r / whole, (b * g - a * h) / whole, (a * e - b * d) / whole],
  ];
}

const times = (matrix, [x, y, z]) => matrix.map((row) => row[0] * x + row[1] * y + row[2] * z);

const linear = (code) => {
  const value = code / 255;
  return value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92;
};

const coded = (value) =>
  255 * (value > 0.0031308 ? 1.055 * value ** (1 / 2.4) - 0.055 : 12.92 * value);

/** Code values 0..255 to [L, a, b]. */
export function rgbToLab(rgb) {
  const [x, y, z] = times(FROM_RGB, rgb.map(linear)).map((t) =>
    t > KNEE ** 3 ? Math.cbrt(t) : t / (3 * KNEE * KNEE) + 4 / 29,
  );
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function labToLinear([lightness, a, b]) {
  const y = (lightness + 16) / 116;
  const xyz = [y + a / 500, y, y - b / 200].map((t) =>
    t > KNEE ? t ** 3 : 3 * KNEE * KNEE * (t - 4 / 29),
  );
  return times(TO_RGB, xyz);
}

/** [L, a, b] to code values 0..255, rounded; null where sRGB shows no such colour. */
export function labToRgb(lab) {
  const values = labToLinear(lab);
  if (values.some((value) => value < LEAST || value > MOST)) return null;
  return values.map((value) => Math.round(Math.min(255, Math.max(0, coded(value)))));
}

/** The nearest [a, b] toward grey that sRGB shows at a lightness. */
export function intoGamut(lightness, [a, b]) {
  if (labToRgb([lightness, a, b])) return [a, b];
  let [inside, outside] = [0, 1];
  for (let round = 0; round < 12; round += 1) {
    const share = (inside + outside) / 2;
    if (labToRgb([lightness, share * a, share * b])) inside = share;
    else outside = share;
  }
  return [inside * a, inside * b];
}

/** "#rrggbb" of a and b at a lightness, with as much saturation as sRGB has there. */
export function hexAt(lightness, ab) {
  const rgb = labToRgb([lightness, ...intoGamut(lightness, ab)]) ?? [0, 0, 0];
  return toHex(rgb);
}

export const toHex = (rgb) => `#${rgb.map((v) => v.toString(16).padStart(2, "0")).join("")}`;

export const isHex = (text) => /^#[0-9a-f]{6}$/i.test(text);

export const fromHex = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
