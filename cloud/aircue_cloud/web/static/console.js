// Keeps the console up to date: fetches its changing part about once a second while somebody looks, and replaces only
// the pieces that differ, so that nothing flickers, jumps or closes.
"use strict";

(() => {
  const PERIOD_MS = 1000;
  const PATIENCE_MS = 10000;
  const LONGEST_PAUSE_MS = 15000;

  const main = document.getElementById("live");
  const state = document.getElementById("state");
  const news = document.getElementById("news");
  let version = main.dataset.version;
  let failures = 0;
  let timer = 0;
  let asking = false;

  function show(name, text) {
    state.dataset.state = name;
    state.firstElementChild.textContent = text;
  }

  function parts(root) {
    return new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
  }

  function ids(root) {
    return new Set([...root.querySelectorAll("li[data-id]")].map((item) => item.dataset.id));
  }

  function sameKeys(one, other) {
    return [...one.keys()].join("\n") === [...other.keys()].join("\n");
  }

  function replace(fresh) {
    const now = parts(main);
    const next = parts(fresh);
    if (!sameKeys(now, next)) {
      replaceAll(fresh);
      return;
    }
    for (const [key, part] of next) {
      const old = now.get(key);
      if (old.innerHTML !== part.innerHTML) old.replaceChildren(...part.childNodes);
    }
  }

  // A node joined or left: everything is put in anew, with the same tables open and the same element in focus.
  function replaceAll(fresh) {
    const open = [...main.querySelectorAll("details[open]")].map((table) => table.id);
    const focused = document.activeElement?.closest("details")?.id;
    main.replaceChildren(...fresh.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.querySelector("summary").focus();
  }

  function announce(known) {
    for (const item of main.querySelectorAll("li[data-id]")) {
      if (!known.has(item.dataset.id)) item.classList.add("new");
    }
    const push = main.querySelector(".pushes li.new h3");
    if (push) news.textContent = news.dataset.news.replace("{title}", () => push.textContent);
  }

  async function ask() {
    const answer = await fetch(main.dataset.live, {
      cache: "no-store",
      headers: { "If-None-Match": `"${version}"` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 304) return;
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const text = await answer.text();
    const fresh = new DOMParser().parseFromString(text, "text/html").body;
    const known = ids(main);
    replace(fresh);
    announce(known);
    version = answer.headers.get("ETag").replaceAll('"', "");
  }

  async function tick() {
    if (asking || document.hidden) return;
    asking = true;
    try {
      await ask();
      failures = 0;
      show("live", state.dataset.live);
    } catch {
      failures += 1;
      show("lost", state.dataset.lost);
    }
    asking = false;
    clearTimeout(timer);
    timer = setTimeout(tick, Math.min(PERIOD_MS * 2 ** Math.min(failures, 4), LONGEST_PAUSE_MS));
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) show("still", state.dataset.paused);
    else tick();
  });

  tick();
})();
