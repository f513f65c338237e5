// Photographs from the user: what is taken, said in one line when it is not.

import * as api from "./api.js";
import { decimal, t, Told } from "./texts.js";

const PREVIEW = 256; // pixels of the longer side of the copy that quick answers are made of

// How files begin that browsers show and the server reads.
const KINDS = [
  [0, "\xff\xd8\xff"], [0, "\x89PNG"], [0, "RIFF"], [0, "GIF8"], [0, "BM"], [4, "ftypavif"],
];

export const megabytes = (bytes) =>
  t("megabytes", { n: decimal(bytes / 1e6, bytes < 1e7 ? 1 : 0) });

export const megapixels = (pixels) =>
  t("megapixels", { n: +(pixels / 1e6).toFixed(pixels < 1e7 ? 1 : 0) });

/** Throws a Told for a file that the server would not take. */
export async function check(file, limits) {
  const { name } = file;
  if (file.size === 0) throw new Told("error.empty", { name });
  if (file.size > limits.upload_bytes) {
    const [size, most] = [file.size, limits.upload_bytes].map(megabytes);
    throw new Told("error.large", { name, size, most });
  }
  const head = String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  if (!KINDS.some(([at, text]) => head.startsWith(text, at))) {
    throw new Told("error.kind", { name });
  }
}

/** A name that nothing else has. */
export const newId = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/**
 * A photograph that the page works on.
 *
 * id; file, name; shown, what the browser shows of it, and its url; width and height of the upright
 * picture; look, what the server says of it; preview(), a reduced copy {blob, width, height}, made
 * once.
 */
export function photograph({ id = newId(), file, shown, width, height, look }) {
  const url = URL.createObjectURL(shown ?? file);
  let reduced = null;
  const preview = () => (reduced ??= load(url).then(reduce));
  return Object.freeze({
    id, file, shown: shown ?? file, name: file.name, url, width, height, look, preview,
  });
}

/** The photograph of a file; throws a Told of one that is not taken. */
export async function open(file, limits, { signal } = {}) {
  await check(file, limits);
  const url = URL.createObjectURL(file);
  try {
    const image = await load(url);
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    if (width * height > limits.pixels) {
      const [pixels, most] = [width * height, limits.pixels].map(megapixels);
      throw new Told("error.pixels", { name: file.name, pixels, most });
    }
    const look = await api.look({ image: file }, { signal });
    return photograph({ file, width, height, look });
  } catch (error) {
    if (error.name === "EncodingError") {
      throw new Told("error.damaged", { name: file.name }, { cause: error });
    }
    throw error;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** An image element of an address, decoded. */
export async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** A canvas context with an image drawn to at most so many pixels a side, never enlarged. */
export function draw(image, side) {
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const scale = Math.min(1, side / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(scale * width));
  canvas.height = Math.max(1, Math.round(scale * height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return context;
}

export const toBlob = (canvas, type = "image/png", quality = undefined) =>
  new Promise((resolve) => {
    canvas.toBlob(resolve, type, quality);
  });

async function reduce(image) {
  const { canvas } = draw(image, PREVIEW);
  return { blob: await toBlob(canvas), width: canvas.width, height: canvas.height };
}
