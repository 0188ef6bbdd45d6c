// Before the first paint: Airflow's light or dark, its colours and its font, from the page around the frame.
(() => {
  "use strict";
  const VARIABLES = {
    "--bg": "--chakra-colors-bg",
    "--fg": "--chakra-colors-fg",
    "--muted": "--chakra-colors-fg-muted",
    "--border": "--chakra-colors-border",
    "--subtle": "--chakra-colors-bg-subtle",
    "--brand": "--chakra-colors-brand-solid",
    "--brand-text": "--chakra-colors-brand-contrast",
    "--font": "--chakra-fonts-body",
  };
  const own = document.documentElement;

  function outer() {
    try {
      return window.parent !== window ? window.parent.document.documentElement : null;
    } catch {
      return null; // another origin
    }
  }

  function apply() {
    const around = outer();
    const chosen = localStorage.getItem("theme");
    const byBrowser = matchMedia("(prefers-color-scheme: dark)").matches;
    const dark = around && /\b(dark|light)\b/.test(around.className)
      ? around.classList.contains("dark")
      : chosen === "dark" || (chosen !== "light" && byBrowser);
    own.classList.toggle("dark", dark);
    own.classList.toggle("light", !dark);
    if (!around) return;
    const style = window.parent.getComputedStyle(around);
    for (const [mine, theirs] of Object.entries(VARIABLES)) {
      const value = style.getPropertyValue(theirs).trim();
      if (value) own.style.setProperty(mine, value);
    }
  }

  apply();
  window.addEventListener("storage", () => requestAnimationFrame(apply));
  const around = outer();
  if (around) new MutationObserver(apply).observe(around, { attributes: true, attributeFilter: ["class", "style"] });
})();
