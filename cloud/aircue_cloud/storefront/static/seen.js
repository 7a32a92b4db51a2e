// Tells what was looked at: products that stood in the window for a second, the page of one, and clicks on them. It is
// on a page only where the household agrees to it, and the server asks again before it writes anything down.
"use strict";

(() => {
  const SEEN_MS = 1000;
  const HALF = 0.5;
  const { view, word, seen, viewed } = document.querySelector("main").dataset;
  const told = new Set();
  const waiting = new Map();
  let ready = [];
  let timer = 0;

  function tell(kind, products) {
    const headers = { "Content-Type": "application/json", "X-Form-Word": word };
    const body = JSON.stringify({ kind, view, products });
    fetch(seen, { method: "POST", headers, body, keepalive: true }).catch(() => {});
  }

  function flush() {
    timer = 0;
    while (ready.length) tell("impression", ready.splice(0, 50));
  }

  function note(product) {
    if (told.has(product)) return;
    told.add(product);
    ready.push(product);
    timer ||= setTimeout(flush, SEEN_MS);
  }

  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(waiting.get(target));
      if (isIntersecting) waiting.set(target, setTimeout(() => note(target.dataset.product), SEEN_MS));
    }
  }, { threshold: HALF });

  for (const tile of document.querySelectorAll("[data-product]")) {
    watch.observe(tile);
    tile.addEventListener("click", (event) => {
      if (event.target.closest("a")) tell("click", [tile.dataset.product]);
    });
  }
  if (viewed) tell("view", [viewed]);
  addEventListener("pagehide", flush);
})();
