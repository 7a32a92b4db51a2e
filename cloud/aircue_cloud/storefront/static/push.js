// Web Push: nothing is asked of the browser before somebody has read what it is about and clicked.
"use strict";

(() => {
  const box = document.getElementById("push");
  const state = document.getElementById("push_state");
  const on = document.getElementById("push_on");
  const off = document.getElementById("push_off");
  const { word, worker, agree } = box.dataset;
  const OWN = "/api/v1/me";
  const CONSENT = { purpose: "marketing", data_category: "sensor", granted: true };

  function show(name, isOn) {
    state.textContent = box.dataset[name];
    on.hidden = isOn !== false;
    off.hidden = isOn !== true;
  }

  async function ask(path, method = "GET", body = undefined) {
    const headers = { "X-Form-Word": word, "Content-Type": "application/json" };
    const answer = await fetch(OWN + path, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: status ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  }

  function bytes(text) {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
  }

  async function subscription() {
    const registration = await navigator.serviceWorker.getRegistration("/");
    return registration ? registration.pushManager.getSubscription() : null;
  }

  // What we keep of this browser for this person; null of one where somebody else of the house switched it on.
  async function kept() {
    const made = await subscription();
    if (!made) return null;
    const { addresses } = await ask("/addresses");
    return addresses.find((one) => one.address.endpoint === made.endpoint && !one.ended_at) ?? null;
  }

  // A subscription holds for one key alone: one for an earlier key of the shop's would stay silent.
  const isFor = (made, key) => String(new Uint8Array(made.options.applicationServerKey)) === String(key);

  // null where the browser's own push service does not give one.
  async function subscribed(pushManager, key) {
    const before = await pushManager.getSubscription();
    if (before && !isFor(before, key)) await before.unsubscribe();
    try {
      return await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    } catch {
      return null;
    }
  }

  async function store(made) {
    const { endpoint, keys } = made.toJSON();
    try {
      await ask("/addresses", "POST", { channel: "web-push", address: { endpoint, keys } });
      for (const channel of agree.split(" ").filter(Boolean)) await ask("/consents", "POST", { ...CONSENT, channel });
    } catch (error) {
      await made.unsubscribe();
      throw error;
    }
  }

  // The list of where somebody is reached, as the server has it now.
  async function listAgain() {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("reached").replaceChildren(...fresh.getElementById("reached").childNodes);
  }

  async function switchOn() {
    const said = await Notification.requestPermission();
    if (said !== "granted") return show(said === "denied" ? "denied" : "closed", false);
    await navigator.serviceWorker.register(worker, { scope: "/" });
    const { pushManager } = await navigator.serviceWorker.ready;
    const { key } = await ask("/push-key");
    const made = await subscribed(pushManager, bytes(key));
    if (!made) return show("unreachable", false);
    await store(made);
    await listAgain();
    return show("on", true);
  }

  async function switchOff() {
    const mine = await kept();
    if (mine) await ask(`/addresses/${mine.id}`, "DELETE");
    await (await subscription())?.unsubscribe();
    await listAgain();
    return show("off", false);
  }

  const doing = (act) => async () => {
    on.disabled = off.disabled = true;
    try {
      await act();
    } catch {
      state.textContent = box.dataset.failed;
    }
    on.disabled = off.disabled = false;
  };

  async function start() {
    if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return show("cannot");
    if (Notification.permission === "denied") return show("denied");
    const is = Boolean(await kept());
    return show(is ? "on" : "off", is);
  }

  on.addEventListener("click", doing(switchOn));
  off.addEventListener("click", doing(switchOff));
  start().catch(() => show("cannot"));
})();
