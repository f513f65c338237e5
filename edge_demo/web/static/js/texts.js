// Every text of the page in the visitor's language: static/texts has one file a language.

import { remember, remembered } from "./remember.js";

export const LANGUAGES = ["en", "de", "es", "zh"];

const KEPT = "language"; // what remember.js calls the choice
// Attributes of elements to the attribute that says which text they show.
const ATTRIBUTES = { "aria-label": "data-label", title: "data-title", alt: "data-alt" };

const spoken = new EventTarget();
const files = new Map(); // language to its texts

let language = null;
let texts = null;
let plurals = null;
let numbers = null;

/** The language of the moment. */
export const current = () => language;

/** Does something whenever the language has become another. */
export const whenSpoken = (action) => spoken.addEventListener("change", action);

/** The text of a key. {values} stand in it by name; of several forms, count chooses. */
export function t(key, values = {}) {
  const found = texts[key];
  if (found === undefined) throw new RangeError(key);
  const text = typeof found === "string" ? found : (found[plurals.select(values.count)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? numbers.format(value) : String(value);
  });
}

export const has = (key) => key in texts;

/** A line of the server in the visitor's language, where it is a known one. */
export const ofServer = (line) => (has(`server: ${line}`) ? t(`server: ${line}`) : line);

/** A number with so many decimals. */
export const decimal = (value, digits) =>
  new Intl.NumberFormat(language, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: false,
  }).format(value);

/** How often a factor doubles, or halves, where it is below 1: "+0.5", "-1.0". */
export const doublings = (factor) => `${factor > 1 ? "+" : ""}${decimal(Math.log2(factor), 1)}`;

export const percent = (share) => t("percent", { n: Math.round(100 * share) });

export const listed = (parts) => parts.join(t("list.separator"));

/** An error whose line is a text of the page. */
export class Told extends Error {
  #key;
  #values;

  constructor(key, values = {}, options = {}) {
    super(undefined, options);
    this.#key = key;
    this.#values = values;
  }

  get message() {
    return t(this.#key, this.#values);
  }
}

/** Puts texts into the elements below one that name theirs. */
export function fill(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = t(element.dataset.text);
  }
  for (const [attribute, names] of Object.entries(ATTRIBUTES)) {
    for (const element of root.querySelectorAll(`[${names}]`)) {
      element.setAttribute(attribute, t(element.getAttribute(names)));
    }
  }
  for (const template of root.querySelectorAll("template")) fill(template.content);
}

/** Changes the language of the page. */
export async function speak(wanted) {
  if (!files.has(wanted)) {
    const response = await fetch(new URL(`../texts/${wanted}.json`, import.meta.url));
    if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
    files.set(wanted, await response.json());
  }
  [language, texts] = [wanted, files.get(wanted)];
  plurals = new Intl.PluralRules(language);
  numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 2, useGrouping: false });
  document.documentElement.lang = language;
  fill(document);
  spoken.dispatchEvent(new Event("change"));
}

/** Changes the language, and remembers that. */
export async function choose(wanted) {
  await speak(wanted);
  remember(KEPT, wanted);
}

/** What was chosen before, or else the first of the browser's languages that there are texts in. */
function preferred() {
  const wanted = [remembered(KEPT), ...navigator.languages.map((tag) => tag.split("-")[0])];
  return wanted.find((one) => LANGUAGES.includes(one)) ?? LANGUAGES[0];
}

// Modules that show texts run once these are there.
await speak(preferred());
