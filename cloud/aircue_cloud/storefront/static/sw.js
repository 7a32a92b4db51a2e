// Shows offers that come while no page is open. It keeps nothing and answers for no page.
"use strict";

const OFFERS = "/offers";

self.addEventListener("push", (event) => {
  const said = event.data ? event.data.json() : {};
  const shown = { body: [said.text, said.reason].filter(Boolean).join("\n"), tag: said.push, icon: "/shop/static/icon.svg" };
  event.waitUntil(self.registration.showNotification(said.title || "Aircue", shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});

async function open() {
  const pages = await self.clients.matchAll({ type: "window" });
  const there = pages.find((page) => new URL(page.url).pathname === OFFERS);
  return there ? there.focus() : self.clients.openWindow(OFFERS);
}
