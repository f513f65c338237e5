// What was made in this visit, to come back to. It is kept in the page alone and goes with it.

import { draw, load, toBlob } from "./intake.js";
import { namesOf, plainWord, titleOf } from "./models.js";
import { listed, whenSpoken } from "./texts.js";

const MOST = 16;
const SIDE = 160;

/** Draws a strip of thumbnails; calls back(entry) for one that is clicked. */
export class Visit {
  #root;
  #back;
  #entries = [];
  #shown = null;

  constructor(root, back) {
    this.#root = root;
    this.#back = back;
    whenSpoken(() => this.#draw(this.#shown));
  }

  /** Keeps a result, one for each picture and its models, the newest first; its entry. */
  async add(result) {
    const { job } = result;
    const image = await load(result.url);
    const small = await toBlob(draw(image, SIDE).canvas, "image/jpeg", 0.85);
    const entry = { ...result, thumbnail: URL.createObjectURL(small) };
    const same = (one) =>
      one.job.picture === job.picture && namesOf(one.job.models) === namesOf(job.models);
    const gone = this.#entries.filter(same);
    this.#entries = [entry, ...this.#entries.filter((one) => !same(one))];
    gone.push(...this.#entries.splice(MOST));
    for (const one of gone) {
      URL.revokeObjectURL(one.thumbnail);
      if (one.url !== result.url) URL.revokeObjectURL(one.url);
    }
    this.#draw(entry);
    return entry;
  }

  /** Marks the entry that is on show. */
  mark(shown) {
    this.#draw(shown);
  }

  #draw(shown) {
    this.#shown = shown;
    this.#root.replaceChildren(...this.#entries.map((entry) => this.#item(entry, shown)));
  }

  #item(entry, shown) {
    const { picture, models } = entry.job;
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "visit";
    if (entry === shown) button.setAttribute("aria-current", "true");
    const image = document.createElement("img");
    image.src = entry.thumbnail;
    image.alt = picture.name;
    const tasks = listed(models.map(({ task }) => titleOf(task)));
    const texts = [tasks, plainWord(models.at(-1))].map((text) => {
      const span = document.createElement("span");
      span.textContent = text;
      return span;
    });
    button.append(image, " ", texts[0], " ", texts[1]); // spaces, for those who hear it
    button.title = picture.name;
    button.addEventListener("click", () => this.#back(entry));
    item.append(button);
    return item;
  }
}
