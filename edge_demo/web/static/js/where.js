// Where two pictures of one size differ most.

const BLOCK = 24; // pixels a side
const STRIP = 240; // rows that are looked at together: ten rows of blocks

/** The pixel in the middle of the block whose squared difference is largest. */
export function largestChange(first, second) {
  const [width, height] = [first.naturalWidth, first.naturalHeight];
  const across = Math.ceil(width / BLOCK);
  const best = { sum: -1, x: 0, y: 0 };
  const [one, other] = [first, second].map(() => strip(width));
  for (let top = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    const [before, after] = [[one, first], [other, second]].map(([context, image]) => {
      context.clearRect(0, 0, width, STRIP);
      context.drawImage(image, 0, -top);
      return context.getImageData(0, 0, width, rows).data;
    });
    const sums = new Float64Array(across * Math.ceil(STRIP / BLOCK));
    for (let row = 0, at = 0; row < rows; row += 1) {
      const line = Math.floor(row / BLOCK) * across;
      for (let column = 0; column < width; column += 1, at += 4) {
        const r = before[at] - after[at];
        const g = before[at + 1] - after[at + 1];
        const b = before[at + 2] - after[at + 2];
        sums[line + Math.floor(column / BLOCK)] += r * r + g * g + b * b;
      }
    }
    sums.forEach((sum, index) => {
      if (sum <= best.sum) return;
      best.sum = sum;
      best.x = Math.min(width - 1, (index % across) * BLOCK + BLOCK / 2);
      best.y = Math.min(height - 1, top + Math.floor(index / across) * BLOCK + BLOCK / 2);
    });
  }
  return best;
}

function strip(width) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = STRIP;
  return canvas.getContext("2d", { willReadFrequently: true });
}
