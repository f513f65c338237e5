// A ZIP of files that are compressed already.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});
const UTF8 = 0x0800; // names are in it
const VERSION = 20;
const DATE = 0x21; // 1 January 1980: the same files are the same ZIP

function checksum(bytes) {
  let value = -1;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

/** Numbers as little-endian bytes: [value, size] each. */
function packed(...numbers) {
  const bytes = [];
  for (const [value, size] of numbers) {
    for (let at = 0; at < size; at += 1) bytes.push((value >>> (8 * at)) & 255);
  }
  return Uint8Array.from(bytes);
}

/** A Blob of {name, blob} each; names differ. */
export async function zipped(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const path = new TextEncoder().encode(name);
    const sum = checksum(new Uint8Array(await blob.arrayBuffer()));
    const facts = [
      [VERSION, 2], [UTF8, 2], [0, 2], [0, 2], [DATE, 2], [sum, 4], [blob.size, 4], [blob.size, 4],
      [path.length, 2], [0, 2],
    ];
    const head = packed([0x04034b50, 4], ...facts);
    parts.push(head, path, blob);
    const entry = packed([0x02014b50, 4], [VERSION, 2], ...facts, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]);
    directory.push(entry, path);
    offset += head.length + path.length + blob.size;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = packed(
    [0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2],
  );
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
