// Before the first paint: Airflow's light or dark, its colours and its font, from the page around the frame; and its
// language, which only the browser knows: a cookie tells the server, and a page in another language is asked for anew.
(() => {
  "use strict";
  const COOKIE = "exact_console_language";
  const LANGUAGES = ["en", "de"];

  function speak() {
    const chosen = (localStorage.getItem("i18nextLng") || "").split("-")[0];
    if (!chosen) return;
    const root = document.querySelector("script[data-root]").dataset.root;
    document.cookie = `${COOKIE}=${encodeURIComponent(chosen)}; path=${root}; SameSite=Lax; max-age=31536000`;
    const wanted = LANGUAGES.includes(chosen) ? chosen : "en";
    // Cookies may be switched off: asked for anew once, not for ever.
    if (wanted !== document.documentElement.lang && sessionStorage.getItem(COOKIE) !== wanted) {
      sessionStorage.setItem(COOKIE, wanted);
      window.location.reload();
    }
  }

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
  speak();
  window.addEventListener("storage", (event) => {
    requestAnimationFrame(apply);
    if (event.key !== "i18nextLng") return;
    sessionStorage.removeItem(COOKIE);
    speak();
  });
  const around = outer();
  if (around) new MutationObserver(apply).observe(around, { attributes: true, attributeFilter: ["class", "style"] });
})();
