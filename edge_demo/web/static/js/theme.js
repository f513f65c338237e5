// Light or dark: as the system has it, or as somebody chose. Not a module, so that it runs before
// anything is drawn.

{
  const KEPT = "chromaedge-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEPT);
  } catch {
    // Storage is switched off: as the system has it.
  }
  const apply = () => {
    document.documentElement.dataset.theme =
      chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    document.dispatchEvent(new Event("theme"));
  };
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = chosen ?? "system";
    select.addEventListener("change", () => {
      chosen = select.value;
      try {
        localStorage.setItem(KEPT, chosen);
      } catch {
        // Then it holds for this visit.
      }
      apply();
    });
  });
}
