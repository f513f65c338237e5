// Small wishes of the visitor that outlast the visit; forgotten where the browser stores nothing.

const NAME = "chromaedge-";

export function remembered(key) {
  try {
    return localStorage.getItem(NAME + key);
  } catch {
    return null; // storage is switched off
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(NAME + key, value);
  } catch {
    // Then it holds for this visit.
  }
}
