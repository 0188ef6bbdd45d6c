// Times are served in UTC; here they become the viewer's, in the zone and the language that Airflow shows.
(() => {
  "use strict";

  function zone() {
    const kept = localStorage.getItem("timezone");
    if (!kept) return undefined;
    try {
      const name = kept.startsWith('"') ? JSON.parse(kept) : kept;
      new Intl.DateTimeFormat("en", { timeZone: name });
      return name;
    } catch {
      return undefined; // the browser's own
    }
  }

  function show() {
    const language = document.documentElement.lang;
    const whole = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: zone() });
    const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long", timeZone: zone() });
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = new Date(time.getAttribute("datetime"));
      if (Number.isNaN(at.getTime())) continue;
      time.textContent = whole.format(at);
      time.title = exact.format(at);
    }
  }

  show();
  document.addEventListener("console:replaced", show);
  window.addEventListener("storage", (event) => {
    if (event.key === "timezone" || event.key === null) show();
  });
})();
