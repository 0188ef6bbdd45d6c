// Airflow's frame forbids to leave it, to open tabs and to ask; the document around it may, and is of the same origin.
// Every link works without this as well when the page is opened by itself.
(() => {
  "use strict";
  const framed = window.parent !== window;

  function leave(url) {
    if (!framed) {
      window.location.assign(url);
      return;
    }
    const link = window.parent.document.createElement("a");
    link.href = url;
    window.parent.document.body.append(link);
    link.click();
    link.remove();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.go === "parent") leave(link.href);
    else (framed ? window.parent : window).open(link.href, "_blank", "noopener");
  });

  async function consent(form) {
    const button = form.querySelector("button");
    const problem = form.querySelector("[role=alert]");
    button.disabled = true;
    problem.hidden = true;
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams(new FormData(form)),
      });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.detail);
      leave(told.url);
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      button.disabled = false;
    }
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-consent]")) return;
    event.preventDefault();
    consent(event.target);
  });
})();
