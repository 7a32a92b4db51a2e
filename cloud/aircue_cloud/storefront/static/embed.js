// Recommendations of an Aircue shop on a page of another one. Each element with data-aircue-pass is filled:
//   data-aircue-pass  what the shop's server was given for whoever looks (POST /api/v1/passes)
//   data-n            products at most (4)
//   data-link         where a product is, {id} in it stands for the product
//   data-language     en or zh; else the page's own
// It makes elements and sets texts, never markup, and brings its style along as a sheet of its own, so that it works
// under a Content-Security-Policy that names this server in script-src and connect-src, and nothing else.
"use strict";

(() => {
  const SERVER = new URL(document.currentScript.src).origin;
  const PATIENCE_MS = 8000;
  const STYLE = `
    :host { display: block; font: inherit; color: inherit; }
    h2 { font-size: 1.1em; margin: 0 0 .6em; }
    ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 1em; grid-template-columns: repeat(auto-fill, minmax(11em, 1fr)); }
    li { border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: 8px; padding: .8em; }
    a { color: inherit; font-weight: 600; }
    p { margin: .3em 0 0; }
    .reason { opacity: .8; font-size: .9em; }
  `;

  function made(name, text, part) {
    const element = document.createElement(name);
    element.textContent = text;
    if (part) element.className = part;
    if (part) element.setAttribute("part", part);
    return element;
  }

  function item(product, link) {
    const li = made("li", "", "product");
    const name = made(link ? "a" : "b", product.name, "name");
    if (link) name.href = link.replaceAll("{id}", encodeURIComponent(product.product));
    li.append(name, made("p", product.price, "price"), ...product.reasons.map((one) => made("p", one, "reason")));
    return li;
  }

  function show(place, found) {
    const root = place.shadowRoot ?? place.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const list = document.createElement("ul");
    list.append(...found.products.map((product) => item(product, place.dataset.link)));
    const section = document.createElement("section");
    section.lang = found.language;
    section.append(made("h2", found.title, "title"), list);
    root.replaceChildren(section);
  }

  // A page goes on without recommendations: what fails leaves what the page itself put there.
  async function fill(place) {
    const language = place.dataset.language ?? document.documentElement.lang.split("-")[0];
    const query = new URLSearchParams({ n: place.dataset.n ?? 4, language });
    const answer = await fetch(`${SERVER}/api/v1/passes/recommendations?${query}`, {
      headers: { Authorization: `Bearer ${place.dataset.aircuePass}` },
      credentials: "omit",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!answer.ok) throw new Error(`aircue: status ${answer.status}`);
    const found = await answer.json();
    if (found.products.length) show(place, found);
  }

  function start() {
    for (const place of document.querySelectorAll("[data-aircue-pass]")) {
      fill(place).catch((error) => place.dispatchEvent(new CustomEvent("aircue-failed", { detail: String(error) })));
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
