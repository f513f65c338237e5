// The panel of hints: likely colours of a point, all colours of its lightness, the list, files.

import * as api from "./api.js";
import { fromJson, scaled, toJson } from "./hints.js";
import { newId, open } from "./intake.js";
import { fromHex, hexAt, intoGamut, isHex, rgbToLab } from "./lab.js";
import { Markers } from "./markers.js";
import { nameOf } from "./names.js";
import { Picker } from "./picker.js";
import { percent, t, Told, whenSpoken } from "./texts.js";

const BORROWED = 10; // colours of a reference photograph

const NARROW = matchMedia("(max-width: 759px)"); // as in studio.css

const byId = (id) => document.getElementById(id);

/**
 * calls: job(), what is worked on now; palette(), the model that suggests colours; say(text()),
 * fail(error); save(blob, name) for a file;
 * borrow(picture or null), a photograph whose colours are put by themselves.
 * The hints themselves are a Hints, which tells of every change.
 */
export class HintPanel {
  #hints;
  #viewer;
  #calls;
  #markers;
  #picker;
  #limits;
  #chosen = null; // the id of a hint, "new", or null
  #fresh = null; // {x, y} of a point that has no colour yet
  #lightness = 50;
  #ab = [0, 0];
  #likely = []; // {color, ab, chance}
  #borrowed = []; // {color, ab}
  #lender = null; // the photograph of these
  #asking = null;
  #noted = () => ""; // what became of a colour that was typed

  constructor(hints, viewer, limits, calls) {
    this.#hints = hints;
    this.#viewer = viewer;
    this.#limits = limits;
    this.#calls = calls;
    this.#markers = new Markers(byId("markers"), viewer, {
      choose: (id) => this.choose(id),
      move: (id, place, passing) => this.#move(id, place, passing),
      remove: (id) => this.#remove(id),
      drop: () => this.drop(),
    });
    this.#picker = new Picker(byId("picker"), (ab, passing) => this.#colour(ab, passing));
    hints.addEventListener("change", () => this.#changed());
    whenSpoken(() => {
      this.#note(this.#noted);
      this.#title();
      this.#show();
    });
    this.#listen();
  }

  #listen() {
    const on = (id, action) => byId(id).addEventListener("click", action);
    on("undo", () => this.undo());
    on("redo", () => this.redo());
    on("point-remove", () => (this.#chosen === "new" ? this.drop() : this.#remove(this.#chosen)));
    on("point-add", () => {
      this.point(this.#viewer.middle);
      this.#markers.focus("new");
    });
    on("hints-clear", () => this.#hints.set([]));
    on("hints-save", () => {
      const name = `${this.#calls.job().picture.name.replace(/\.\w+$/, "")}.hints.json`;
      this.#calls.save(new Blob([toJson(this.#hints.list)], { type: "application/json" }), name);
    });
    on("hints-load", () => byId("hints-file").click());
    on("borrow", () => byId("borrow-file").click());
    on("borrowed-close", () => this.giveBack());
    byId("borrowed-all").addEventListener("change", (event) => {
      this.#calls.borrow(event.target.checked ? this.#lender : null);
    });
    byId("hints-file").addEventListener("change", (event) => this.#withFile(event, this.#load));
    byId("borrow-file").addEventListener("change", (event) => this.#withFile(event, this.#lend));
    byId("hex").addEventListener("change", (event) => {
      const text = event.target.value.trim().toLowerCase();
      const hex = text.startsWith("#") ? text : `#${text}`;
      if (isHex(hex)) this.#typed(hex);
      else this.#calls.fail(new Told("error.color", { text }));
      this.#show();
      event.target.value = hexAt(this.#lightness, this.#ab);
    });
  }

  /** A colour of any lightness: the point keeps its own, and shows what it can of the colour. */
  #typed(hex) {
    const ab = abOf(hex);
    this.#colour(ab, false);
    const shown = hexAt(this.#lightness, this.#ab);
    if (shown === hex) return;
    const inside = intoGamut(this.#lightness, ab);
    const paler = Math.hypot(inside[0] - ab[0], inside[1] - ab[1]) > 0.5;
    this.#note(() => t(paler ? "hints.paler" : "hints.became", { typed: hex, shown }));
  }

  #note(text) {
    this.#noted = text;
    byId("hex-note").textContent = text();
  }

  async #withFile(event, action) {
    const [file] = event.target.files;
    event.target.value = ""; // the same file again is a change, too
    if (!file) return;
    try {
      await action.call(this, file);
    } catch (error) {
      this.#calls.fail(error);
    }
  }

  async #load(file) {
    const { picture } = this.#calls.job();
    const list = fromJson(await file.text(), picture, this.#limits.hints);
    this.#hints.set(list);
    this.#calls.say(() => t("hints.loaded", { count: list.length }));
  }

  async #lend(file) {
    const lender = await open(file, this.#limits);
    const { colors } = await api.colours({ image: file, k: BORROWED });
    this.lent(lender, colors.map(entry), byId("borrowed-all").checked);
    if (byId("borrowed-all").checked) this.#calls.borrow(lender);
    this.#calls.say(() => t("hints.lent", { count: colors.length, name: lender.name }));
  }

  /** Colours that a photograph lends, and whether they are put by themselves. */
  lent(lender, colours, all) {
    [this.#lender, this.#borrowed] = [lender, colours];
    byId("borrowed").hidden = !lender;
    byId("borrowed-all").checked = all;
    this.#title();
    this.#show();
  }

  #title() {
    const name = this.#lender?.name;
    byId("borrowed-title").textContent = name ? t("hints.borrowed", { name }) : "";
  }

  giveBack() {
    const used = byId("borrowed-all").checked;
    this.lent(null, [], false);
    if (used) this.#calls.borrow(null);
  }

  // ------------------------------------------------------------------------------- points

  /** A new point of the picture, which waits for its colour. */
  point(place) {
    if (this.#hints.list.length >= this.#limits.hints) {
      this.#calls.fail(new Told("error.hints", { most: this.#limits.hints }));
      return;
    }
    this.#fresh = place;
    this.#chosen = "new";
    this.#ask();
  }

  choose(id) {
    if (id !== "new") this.#fresh = null;
    this.#chosen = id;
    this.#ask();
  }

  /** As drop(), for somebody at the keyboard, whose focus goes to the point, or to the picture. */
  leave() {
    const chosen = this.#chosen;
    const inside = byId("hints").contains(document.activeElement) || chosen === "new";
    this.drop();
    if (!inside) return;
    if (chosen && chosen !== "new" && this.#hints.find(chosen)) this.#markers.focus(chosen);
    else byId("viewer").focus({ preventScroll: true });
  }

  /** No point is chosen any more; one without a colour is gone. */
  drop() {
    this.#asking?.abort();
    this.#chosen = this.#fresh = null;
    this.#likely = [];
    this.#show();
  }

  undo() {
    this.#hints.undo();
    if (this.#chosen) this.#ask();
  }

  redo() {
    this.#hints.redo();
    if (this.#chosen) this.#ask();
  }

  #move(id, place, passing) {
    if (id === "new") this.#fresh = place;
    else this.#hints.change(id, place, passing);
    this.#chosen = id;
    this.#show();
    if (!passing) this.#ask();
  }

  #remove(id) {
    this.drop();
    this.#hints.remove(id);
  }

  #colour(ab, passing) {
    if (!this.#chosen) return;
    this.#note(() => "");
    this.#ab = intoGamut(this.#lightness, ab);
    const color = hexAt(this.#lightness, this.#ab);
    if (this.#chosen === "new") {
      const place = this.#fresh;
      this.#fresh = null;
      this.#chosen = newId();
      this.#hints.add({ id: this.#chosen, ...place, color }, passing);
    } else this.#hints.change(this.#chosen, { color }, passing);
    this.#show();
  }

  // ------------------------------------------------------------------------------ palette

  /** Asks for the likely colours of the chosen point. */
  async #ask() {
    this.#asking?.abort();
    const point = this.#point();
    this.#likely = [];
    this.#note(() => "");
    this.#show();
    if (!point) return;
    // On a phone with undo and redo above it; the picture stays where it is.
    if (NARROW.matches) byId("hints").scrollIntoView({ block: "start" });
    else byId("palette").scrollIntoView({ block: "nearest" });
    const stop = (this.#asking = new AbortController());
    const job = this.#calls.job();
    try {
      const copy = await job.picture.preview();
      const [{ x, y }] = scaled([point], job.picture, copy);
      const found = await api.palette(
        { image: copy.blob, model: this.#calls.palette().name, x, y },
        { signal: stop.signal },
      );
      if (stop.signal.aborted) return;
      this.#lightness = found.lightness;
      this.#likely = found.colors.map(entry);
      const [first] = this.#likely;
      this.#ab = intoGamut(found.lightness, point.color ? abOf(point.color) : (first?.ab ?? [0, 0]));
      this.#show();
    } catch (error) {
      if (!stop.signal.aborted) this.#calls.fail(error);
    }
  }

  #point() {
    return this.#chosen === "new" ? this.#fresh : this.#hints.find(this.#chosen);
  }

  #changed() {
    const gone = this.#chosen && this.#chosen !== "new" && !this.#hints.find(this.#chosen);
    if (gone) this.drop();
    else {
      const hint = this.#hints.find(this.#chosen);
      // Only where it is another: rounding to a colour and back moves a and b a little.
      if (hint && hint.color !== hexAt(this.#lightness, this.#ab)) {
        this.#ab = intoGamut(this.#lightness, abOf(hint.color));
      }
    }
    this.#show();
  }

  #show() {
    const { list } = this.#hints;
    const point = this.#point();
    this.#markers.show(list, this.#chosen, this.#fresh);
    byId("undo").disabled = !this.#hints.canUndo;
    byId("redo").disabled = !this.#hints.canRedo;
    byId("hints-save").disabled = byId("hints-clear").disabled = list.length === 0;
    byId("hints-help").hidden = Boolean(point) || list.length > 0;
    byId("palette").hidden = !point;
    const current = hexAt(this.#lightness, this.#ab);
    const choose = (ab) => this.#colour(ab, false);
    swatches(byId("swatches"), this.#likely, choose, ({ color }) => color === point?.color);
    // These keep their own lightness, by which they are known; the point's is what it has.
    const taken = ({ ab }) => hexAt(this.#lightness, ab) === point?.color;
    swatches(byId("borrowed-swatches"), this.#borrowed, choose, taken, !point);
    if (!point) {
      this.#items(list);
      return;
    }
    this.#picker.show(this.#lightness, this.#ab, this.#likely.map(({ ab }) => ab));
    if (document.activeElement !== byId("hex")) byId("hex").value = current;
    byId("patch").style.setProperty("--colour", current);
    this.#items(list);
  }

  #items(list) {
    const root = byId("hint-list");
    root.hidden = list.length === 0;
    const focused = root.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    root.replaceChildren(
      ...list.map((hint, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "hint";
        button.dataset.id = hint.id;
        button.style.setProperty("--colour", hint.color);
        button.setAttribute("aria-pressed", String(hint.id === this.#chosen));
        button.setAttribute(
          "aria-label",
          t("hints.one", {
            number: index + 1,
            color: nameOf(hint.color),
            x: Math.round(hint.x),
            y: Math.round(hint.y),
          }),
        );
        button.title = hint.color;
        button.addEventListener("click", () => this.choose(hint.id));
        const item = document.createElement("li");
        item.append(button);
        return item;
      }),
    );
    if (focused) root.querySelector(`[data-id="${focused}"]`)?.focus({ preventScroll: true });
  }
}

const abOf = (hex) => rgbToLab(fromHex(hex)).slice(1);

const entry = ({ color, a, b, chance }) => ({
  color,
  ab: a === undefined ? abOf(color) : [a, b],
  chance,
});

/** Buttons of colours. */
function swatches(root, colours, choose, taken, disabled = false) {
  const focused = [...root.children].indexOf(document.activeElement);
  root.replaceChildren(
    ...colours.map((colour) => {
      const { color, ab, chance } = colour;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "swatch";
      button.disabled = disabled;
      button.style.setProperty("--colour", color);
      button.setAttribute("aria-pressed", String(taken(colour)));
      const share = chance === undefined ? "" : percent(chance);
      const name = nameOf(color);
      button.setAttribute("aria-label", share ? t("hints.chance", { color: name, share }) : name);
      button.title = `${color}${share && `, ${share}`}`;
      if (share) {
        const text = document.createElement("small");
        text.textContent = share;
        button.append(text);
      }
      button.addEventListener("click", () => choose(ab));
      return button;
    }),
  );
  if (focused >= 0) root.children[focused]?.focus({ preventScroll: true });
}
