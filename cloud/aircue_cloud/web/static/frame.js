// What every page of the console can do by keyboard, and the switch between dark and light.
"use strict";

(() => {
  const WAIT_MS = 1500;
  const YEAR_S = 365 * 24 * 3600;
  const search = document.getElementById("search");
  const keys = document.getElementById("keys");
  const theme = document.getElementById("theme");
  const links = new Map([...document.querySelectorAll(".rail [data-key]")].map((link) => [link.dataset.key, link]));
  let goingSince = 0;

  function typing(target) {
    return target.closest("input, textarea, select, [contenteditable]") !== null;
  }

  function go(key) {
    goingSince = 0;
    links.get(key)?.click();
  }

  const ACTIONS = {
    "/": () => search.select(),
    "?": () => keys.showModal(),
    g: () => { goingSince = performance.now(); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && event.target === search) search.blur();
    if (typing(event.target) || keys.open) return;
    if (goingSince && performance.now() - goingSince < WAIT_MS) {
      go(event.key);
    } else if (ACTIONS[event.key]) {
      event.preventDefault();
      ACTIONS[event.key]();
    }
  });

  function isDark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function label() {
    theme.textContent = isDark() ? theme.dataset.light : theme.dataset.dark;
  }

  theme.addEventListener("click", () => {
    const wanted = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = wanted;
    document.cookie = `aircue-theme=${wanted}; path=/; max-age=${YEAR_S}; samesite=lax`;
    label();
  });

  document.getElementById("show-keys").addEventListener("click", () => keys.showModal());
  for (const button of document.querySelectorAll(".you button[hidden]")) button.hidden = false;
  // A narrow window shows the menu as one line: the page one is on should be in sight.
  const here = document.querySelector(".rail [aria-current]");
  const rail = document.querySelector(".rail");
  if (here) rail.scrollLeft = here.offsetLeft - rail.clientWidth / 2 + here.offsetWidth / 2;
  label();
})();
