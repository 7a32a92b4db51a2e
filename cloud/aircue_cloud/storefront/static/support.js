// Keeps a conversation up to date: asks, and waits for the answer until something was said. What somebody is writing
// stays as it is.
"use strict";

(() => {
  const WAIT_S = 20;
  const AGAIN_MS = 1500;
  const LONGEST_PAUSE_MS = 30000;
  const main = document.querySelector("main");
  const { support, arrived } = main.dataset;
  const news = document.getElementById("news");
  let version = main.dataset.version;
  let pause = AGAIN_MS;

  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

  async function replace() {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("talk").replaceChildren(...fresh.getElementById("talk").childNodes);
  }

  async function ask() {
    const query = new URLSearchParams({ version, wait: WAIT_S });
    const began = Date.now();
    const answer = await fetch(`${support}?${query}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const found = await answer.json();
    if (found.version !== version) {
      await replace();
      version = found.version;
      news.textContent = "";
      news.textContent = arrived;
    } else if (Date.now() - began < AGAIN_MS) {
      await sleep(AGAIN_MS); // many wait already: this one was answered at once
    }
  }

  async function live() {
    for (;;) {
      if (document.hidden) {
        await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
        continue;
      }
      try {
        await ask();
        pause = AGAIN_MS;
      } catch {
        await sleep(pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
  }

  live();
})();
