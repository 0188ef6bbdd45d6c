// Asks for the page again while it is seen and nobody is at work in it, and has Airflow unpause and trigger DAGs. The
// page is whole without this.
(() => {
  "use strict";
  const EVERY = 30_000;
  const ACTS = {
    unpause: (dag) => [`/dags/${dag}?update_mask=is_paused`, "PATCH", { is_paused: false }],
    trigger: (dag) => [`/dags/${dag}/dagRuns`, "POST", { logical_date: null }],
  };
  const main = document.getElementById("main");
  let asking = false;

  function enliven() {
    for (const one of main.querySelectorAll(".js-only")) one.hidden = false;
  }

  function isAtWork() {
    const chosen = window.getSelection();
    const selecting = chosen && !chosen.isCollapsed && main.contains(chosen.anchorNode);
    return selecting || (main.contains(document.activeElement) && document.activeElement !== main);
  }

  function replace(made) {
    const open = new Set([...main.querySelectorAll("details[open]")].map((one) => one.id));
    const [left, top] = [window.scrollX, window.scrollY];
    main.replaceChildren(...made.childNodes);
    for (const one of main.querySelectorAll("details")) one.open = open.has(one.id);
    enliven();
    document.dispatchEvent(new Event("console:replaced"));
    window.scrollTo(left, top);
  }

  async function ask() {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const made = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (!made) throw new Error("another page");
      replace(made);
    } catch {
      const said = document.getElementById("not-refreshed");
      if (said) said.hidden = false;
    } finally {
      asking = false;
    }
  }

  function tell(text, failed) {
    const told = document.getElementById("told");
    told.textContent = text;
    told.classList.toggle("problem", failed);
    told.classList.toggle("done", !failed);
    told.hidden = false;
  }

  async function act(button) {
    const { act: kind, dag, done, failed } = button.dataset;
    const [path, method, body] = ACTS[kind](encodeURIComponent(dag));
    button.disabled = true;
    try {
      const answer = await fetch(document.getElementById("overview").dataset.api + path, {
        method,
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(body),
      });
      if (!answer.ok) {
        const told = await answer.json().catch(() => ({}));
        throw new Error(typeof told.detail === "string" ? told.detail : `${answer.status} ${answer.statusText}`);
      }
      // The button may be gone with what it mended.
      main.focus({ preventScroll: true });
      await ask();
      tell(`${dag}: ${done}`, false);
    } catch (error) {
      button.disabled = false;
      tell(`${dag}: ${failed} ${error.message}`, true);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (button) act(button);
  });
  enliven();
  setInterval(() => {
    if (document.visibilityState === "visible" && !isAtWork()) ask();
  }, EVERY);
})();
