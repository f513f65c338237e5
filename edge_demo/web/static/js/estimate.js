// How large a file will be: a part of the picture is encoded by the server, as the whole would be.

import * as api from "./api.js";
import { load, toBlob } from "./intake.js";

const TILE = 256; // pixels a side
const ACROSS = 4; // tiles

/** Bytes of a picture with so many pixels, of which a mosaic has some. */
export async function estimate({ blob, share }, wishes, signal) {
  const made = await api.preview({ image: blob, ...wishes }, { signal });
  return made.size / share;
}

/** Tiles from all over a picture, {blob, share of its pixels}; all of a small one. */
export async function mosaic(url) {
  const image = await load(url);
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const most = TILE * ACROSS;
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (width * height <= most * most) {
    [canvas.width, canvas.height] = [width, height];
    context.drawImage(image, 0, 0);
  } else {
    const [wide, high] = [Math.min(TILE, width), Math.min(TILE, height)];
    [canvas.width, canvas.height] = [ACROSS * wide, ACROSS * high];
    const at = (index, length, side) => Math.round((index * (length - side)) / (ACROSS - 1));
    for (let row = 0; row < ACROSS; row += 1) {
      for (let column = 0; column < ACROSS; column += 1) {
        const from = [at(column, width, wide), at(row, height, high), wide, high];
        context.drawImage(image, ...from, column * wide, row * high, wide, high);
      }
    }
  }
  const share = (canvas.width * canvas.height) / (width * height);
  return { blob: await toBlob(canvas), share };
}
