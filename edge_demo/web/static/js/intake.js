// Photographs from the user: what is taken, said in one line when it is not, and a first look.

const PREVIEW = 256; // pixels of the longer side of the copy that quick answers are made of
const LOOK = 64;

const KINDS = [
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/webp", [0x52, 0x49, 0x46, 0x46]],
];

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

export const megapixels = (pixels) => `${+(pixels / 1e6).toFixed(pixels < 1e7 ? 1 : 0)} megapixels`;

/** Throws an Error of one clear line for a file that the server would not take. */
export async function check(file, limits) {
  const name = `“${file.name}”`;
  if (file.size === 0) throw new Error(`${name} is empty.`);
  if (file.size > limits.upload_bytes) {
    throw new Error(
      `${name} is ${megabytes(file.size)}; at most ${megabytes(limits.upload_bytes)} are taken.`,
    );
  }
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  const kind = KINDS.find(([, magic]) => magic.every((byte, at) => head[at] === byte));
  if (!kind) throw new Error(`${name} is no JPEG, PNG or WebP photograph.`);
}

/**
 * A photograph that the page works on.
 *
 * file, name, url; width and height of the upright picture; grey and dark, a guess from a small
 * copy; preview(), a reduced copy {blob, width, height}, made once.
 */
export async function open(file, limits) {
  await check(file, limits);
  const url = URL.createObjectURL(file);
  try {
    const image = await load(url);
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    if (width * height > limits.pixels) {
      throw new Error(
        `“${file.name}” has ${megapixels(width * height)}; ` +
          `at most ${megapixels(limits.pixels)} are taken.`,
      );
    }
    let reduced = null;
    const preview = () => (reduced ??= reduce(image));
    return { file, name: file.name, url, width, height, preview, ...look(image) };
  } catch (error) {
    URL.revokeObjectURL(url);
    if (error.name === "EncodingError") {
      throw new Error(`“${file.name}” is damaged: it cannot be read as a picture.`, {
        cause: error,
      });
    }
    throw error;
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

function look(image) {
  const context = draw(image, LOOK);
  const { data } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
  let [coloured, light] = [0, 0];
  const count = data.length / 4;
  for (let at = 0; at < data.length; at += 4) {
    const [red, green, blue] = data.subarray(at, at + 3);
    coloured += Math.max(red, green, blue) - Math.min(red, green, blue) > 12 ? 1 : 0;
    light += (red + green + blue) / 3;
  }
  return { grey: coloured < 0.002 * count, dark: light / count < 48 };
}
