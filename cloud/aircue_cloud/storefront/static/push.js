// Web Push: nothing is asked of the browser before somebody has read what it is about and clicked.
"use strict";

(() => {
  const box = document.getElementById("push");
  const state = document.getElementById("push_state");
  const on = document.getElementById("push_on");
  const off = document.getElementById("push_off");
  const { word, worker } = box.dataset;
  const OWN = "/api/v1/me";
  const CONSENT = { purpose: "marketing", data_category: "sensor", channel: "web-push", granted: true };

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

  async function switchOn() {
    if ((await Notification.requestPermission()) !== "granted") return show("denied", false);
    await navigator.serviceWorker.register(worker, { scope: "/" });
    const { pushManager } = await navigator.serviceWorker.ready;
    const { key } = await ask("/push-key");
    const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
    const { endpoint, keys } = made.toJSON();
    try {
      await ask("/addresses", "POST", { channel: "web-push", address: { endpoint, keys } });
      await ask("/consents", "POST", CONSENT);
    } catch (error) {
      await made.unsubscribe();
      throw error;
    }
    return show("on", true);
  }

  async function switchOff() {
    const made = await subscription();
    const { addresses } = await ask("/addresses");
    const mine = addresses.find((one) => one.address.endpoint === made?.endpoint);
    if (mine) await ask(`/addresses/${mine.id}`, "DELETE");
    await made?.unsubscribe();
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
    const is = Boolean(await subscription());
    return show(is ? "on" : "off", is);
  }

  on.addEventListener("click", doing(switchOn));
  off.addEventListener("click", doing(switchOff));
  start().catch(() => show("cannot"));
})();
