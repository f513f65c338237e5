// The ways for photographs into the page: chosen, pasted, dropped.

import { Told } from "./texts.js";

const byId = (id) => document.getElementById(id);

/** Calls take(files) with one or more, or fail(error) where there is a picture but no file. */
export function incoming(take, fail) {
  const some = (files) => {
    if (files.length) take([...files]);
  };
  for (const id of ["open", "choose"]) {
    byId(id).addEventListener("click", () => byId("file").click());
  }
  byId("file").addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = ""; // the same file again is a change, too
    some(files);
  });
  document.addEventListener("paste", (event) => some(event.clipboardData.files));
  let inside = 0; // elements below the pointer that holds files
  const over = (step) => {
    inside = Math.max(0, inside + step);
    document.body.classList.toggle("dropping", inside > 0);
  };
  document.addEventListener("dragenter", () => over(1));
  document.addEventListener("dragleave", () => over(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(-inside);
    const { files } = event.dataTransfer;
    if (files.length) some(files);
    else dragged(event.dataTransfer);
  });

  /** An image that was dragged out of another page: its file comes along only within an address. */
  function dragged(transfer) {
    const page = new DOMParser().parseFromString(transfer.getData("text/html"), "text/html");
    const address = page.querySelector("img")?.src || transfer.getData("text/uri-list");
    const data = /^data:(image\/[\w+.-]+);base64,(.+)$/.exec(address);
    if (data) {
      const bytes = Uint8Array.from(atob(data[2]), (letter) => letter.charCodeAt(0));
      take([new File([bytes], `dragged.${data[1].slice(6)}`, { type: data[1] })]);
    } else if (address) fail(new Told("error.elsewhere"));
  }
}
