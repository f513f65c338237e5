// What the browser keeps for the next visit, in its own storage (IndexedDB) on this device:
// photographs, and what was made of each.

const NAME = "chromaedge";
const VARIANTS = "variants";
const PICTURES = "pictures";

const answered = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Every method throws where the browser stores nothing, or has no room for it. */
export class Store {
  #database = null;

  #opened() {
    this.#database ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => {
        for (const name of [VARIANTS, PICTURES]) {
          request.result.createObjectStore(name, { keyPath: "id" });
        }
      };
      answered(request).then(resolve, reject);
    });
    return this.#database;
  }

  /** Does something to both stores, wholly or not at all. */
  async #change(action) {
    const database = await this.#opened();
    const change = database.transaction([VARIANTS, PICTURES], "readwrite");
    const over = new Promise((resolve, reject) => {
      change.oncomplete = resolve;
      change.onabort = () => reject(change.error);
    });
    action(change.objectStore(VARIANTS), change.objectStore(PICTURES));
    await over;
  }

  /** {variants, pictures}, lists of what was put. */
  async all() {
    const database = await this.#opened();
    const reading = database.transaction([VARIANTS, PICTURES]);
    const [variants, pictures] = await Promise.all(
      [VARIANTS, PICTURES].map((name) => answered(reading.objectStore(name).getAll())),
    );
    return { variants, pictures };
  }

  /** Keeps a variant and the pictures that it needs, each by its id. */
  put(variant, pictures) {
    return this.#change((variants, all) => {
      variants.put(variant);
      for (const picture of pictures) all.put(picture);
    });
  }

  remove(variantIds, pictureIds) {
    return this.#change((variants, pictures) => {
      for (const id of variantIds) variants.delete(id);
      for (const id of pictureIds) pictures.delete(id);
    });
  }

  clear() {
    return this.#change((variants, pictures) => {
      variants.clear();
      pictures.clear();
    });
  }
}
