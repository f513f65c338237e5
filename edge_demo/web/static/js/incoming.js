// The ways for photographs into the page: chosen, pasted, dropped.

const byId = (id) => document.getElementById(id);

/** Calls take(files) with one or more. */
export function incoming(take) {
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
    some(event.dataTransfer.files);
  });
}
