// Photographs from the user: what is taken, said in one line when it is not.

import * as api from "./api.js";
import { decimal, t, Told } from "./texts.js";

const PREVIEW = 256; // pixels of the longer side of the copy that quick answers are made of

// How files begin that the server reads, and whether every browser shows these.
const KINDS = [
  [/^\xff\xd8\xff/, true], [/^\x89PNG/, true], [/^RIFF....WEBP/s, true], [/^GIF8/, true],
  [/^BM/, true], [/^(II[*+]\0|MM\0[*+])/, false], [/^(\xff\x0a|\0\0\0\x0cJXL )/, false],
  [/^....ftyp(avi[fs]|hei[cmsx]|hev[cx]|m[is]f1)/s, false],
];
const VIDEO = /^(....ftyp|....moov|....mdat|\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01\xba|FLV)/s;

// A picture that the browser cannot show is made one that it can: exactly, up to so many pixels.
const EXACT = 4e6;
const QUALITY = 95;

export const fileSize = (bytes) =>
  bytes < 1e6
    ? t("kilobytes", { n: Math.ceil(bytes / 1e3) })
    : t("megabytes", { n: decimal(bytes / 1e6, bytes < 1e7 ? 1 : 0) });

export const megapixels = (pixels) =>
  t("megapixels", { n: +(pixels / 1e6).toFixed(pixels < 1e7 ? 1 : 0) });

const headOf = async (file) =>
  String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer()));

export async function isVideo(file) {
  const head = await headOf(file);
  return VIDEO.test(head) && !KINDS.some(([start]) => start.test(head));
}

/** Whether every browser shows a file; throws a Told for one that the server would not take. */
export async function check(file, limits) {
  const { name } = file;
  if (file.size === 0) throw new Told("error.empty", { name });
  if (file.size > limits.upload_bytes) {
    const [size, most] = [file.size, limits.upload_bytes].map(fileSize);
    throw new Told("error.large", { name, size, most });
  }
  const head = await headOf(file);
  const kind = KINDS.find(([start]) => start.test(head));
  if (!kind) throw new Told(VIDEO.test(head) ? "error.video" : "error.kind", { name });
  return kind[1];
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
  const plain = await check(file, limits);
  const { name } = file;
  const size = await sizeOf(file);
  if (!size && plain) throw new Told("error.damaged", { name });
  if (size && size.width * size.height > limits.pixels) {
    const [pixels, most] = [size.width * size.height, limits.pixels].map(megapixels);
    throw new Told("error.pixels", { name, pixels, most });
  }
  const look = await api.look({ image: file }, { signal });
  if (size) return photograph({ file, ...size, look });
  const { width, height } = look;
  const format = width * height > EXACT ? "jpeg" : "png";
  const shown = await api.preview({ image: file, format, quality: QUALITY }, { signal });
  return photograph({ file, shown, width, height, look });
}

/** Width and height of a picture as the browser shows it; null where it cannot. */
async function sizeOf(file) {
  const url = URL.createObjectURL(file);
  try {
    const image = await load(url);
    return { width: image.naturalWidth, height: image.naturalHeight };
  } catch (error) {
    if (error.name !== "EncodingError") throw error;
    return null;
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

/** A canvas context with an image, or a frame, of at most so many pixels a side, never enlarged. */
export function draw(image, side) {
  const width = image.naturalWidth ?? image.videoWidth;
  const height = image.naturalHeight ?? image.videoHeight;
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
