// Starts the run that decides what was marked, as the user, by Airflow's own API; without this the command is there.
(() => {
  "use strict";

  async function start(entry) {
    const button = entry.querySelector("button");
    const told = entry.querySelector("[role=status]");
    button.disabled = true;
    try {
      const answer = await fetch(entry.dataset.trigger, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ logical_date: null, conf: JSON.parse(entry.dataset.conf) }),
      });
      const run = await answer.json();
      if (!answer.ok) throw new Error(typeof run.detail === "string" ? run.detail : String(answer.status));
      const link = document.createElement("a");
      link.dataset.go = "parent";
      const path = entry.dataset.trigger.replace(/\/api\/v2\/dags\/(.+)\/dagRuns$/, "/dags/$1/runs/");
      link.href = path + encodeURIComponent(run.dag_run_id);
      link.textContent = run.dag_run_id;
      told.replaceChildren(link);
    } catch (error) {
      told.textContent = error.message;
      button.disabled = false;
    }
  }

  for (const entry of document.querySelectorAll("[data-trigger]")) {
    const button = entry.querySelector("button");
    button.hidden = false;
    button.addEventListener("click", () => start(entry));
  }
})();
