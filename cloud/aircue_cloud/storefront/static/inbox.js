// Keeps the offers up to date: asks, and waits for the answer until there is something new. What stands there is marked
// as read once somebody has looked at it for a while.
"use strict";

(() => {
  const WAIT_S = 20;
  const READ_MS = 4000;
  const AGAIN_MS = 1500;
  const LONGEST_PAUSE_MS = 30000;
  const main = document.querySelector("main");
  const { inbox, read, word, arrived } = main.dataset;
  const news = document.getElementById("news");
  let version = main.dataset.version;
  let pause = AGAIN_MS;
  let reading = 0;

  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

  async function replace() {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["#offers", ".note", "nav.main"]) {
      document.querySelector(part).replaceChildren(...fresh.querySelector(part).childNodes);
    }
  }

  function markLater() {
    clearTimeout(reading);
    reading = setTimeout(mark, READ_MS);
  }

  function mark() {
    if (document.hidden || !document.querySelector(".offer.new")) return;
    const body = new URLSearchParams({ form_word: word });
    fetch(read, { method: "POST", body, redirect: "manual", keepalive: true }).catch(() => {});
  }

  async function ask() {
    const query = new URLSearchParams({ version, wait: WAIT_S });
    const began = Date.now();
    const answer = await fetch(`${inbox}?${query}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const found = await answer.json();
    if (found.version !== version) {
      const before = main.querySelectorAll(".offer").length;
      await replace();
      version = found.version;
      if (main.querySelectorAll(".offer").length > before) news.textContent = arrived;
      markLater();
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

  markLater();
  live();
})();
