// Shows what was said since, every few seconds; what somebody is writing stays as it is.
"use strict";

(() => {
  const EVERY_MS = 2000;
  const main = document.querySelector("main");
  const news = document.getElementById("news");

  async function look() {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const version = fresh.querySelector("main").dataset.version;
    if (version === main.dataset.version) return;
    document.getElementById("talk").replaceChildren(...fresh.getElementById("talk").childNodes);
    main.dataset.version = version;
    news.textContent = "The conversation has changed.";
  }

  setInterval(() => {
    if (!document.hidden) look().catch(() => {});
  }, EVERY_MS);
})();
