// Asks whether anything happened to an order that waits for its payment, and shows the page anew when it has.
"use strict";

(() => {
  const FIRST_MS = 1000;
  const LONGEST_MS = 10000;
  const { state, version } = document.querySelector("main").dataset;
  let pause = FIRST_MS;

  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

  async function changed() {
    const answer = await fetch(state, { cache: "no-store" });
    return answer.ok && (await answer.json()).version !== version;
  }

  async function wait() {
    for (;;) {
      await sleep(pause);
      pause = Math.min(1.5 * pause, LONGEST_MS);
      if (document.hidden) continue;
      if (await changed().catch(() => false)) {
        location.replace(location.pathname);
        return;
      }
    }
  }

  wait();
})();
