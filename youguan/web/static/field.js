// Forms that are filled in where there is hardly a network. What was typed stays in this browser until it is sent; what could not be
// sent is sent again by itself, under the same key, so that it arrives once.
"use strict";
(() => {
  const AGAIN_MS = 8000;
  const forms = [...document.querySelectorAll("form[data-field]")];
  const kept = (form) => `youguan-field:${location.pathname}:${form.id}`;
  const typed = (form) => [...form.elements].filter((one) => one.name && one.name !== "csrf" && one.type !== "file");
  const remember = (form) => {
    const values = typed(form).map((one) => [one.name, one.value, one.checked]);
    try { localStorage.setItem(kept(form), JSON.stringify(values)); } catch { /* a full or closed store only loses this help */ }
  };
  const recall = (form) => {
    const values = JSON.parse(localStorage.getItem(kept(form)) || "[]");
    for (const [name, value, checked] of values) {
      for (const one of typed(form).filter((each) => each.name === name)) {
        if (one.type === "radio") one.checked = one.value === value ? checked : one.checked;
        else one.value = value;
      }
    }
    if (values.length) form.querySelector("[data-state=kept]").hidden = false;
  };
  const forget = (form) => localStorage.removeItem(kept(form));
  const show = (form, state) => {
    for (const one of form.querySelectorAll("[data-state]")) one.hidden = one.dataset.state !== state;
  };
  const key = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const locate = (form) => new Promise((done) => {
    if (!form.elements.latitude || form.elements.latitude.value || !navigator.geolocation) return done();
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      form.elements.latitude.value = coords.latitude.toFixed(6);
      form.elements.longitude.value = coords.longitude.toFixed(6);
      done();
    }, () => done(), { timeout: 3000, maximumAge: 60000 });
  });
  const send = async (form) => {
    if (form.dataset.busy) return;
    form.dataset.busy = "yes";
    show(form, "sending");
    await locate(form);
    remember(form);
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "text/html" } });
      if (answer.status >= 500) throw new Error(answer.status);
      forget(form);
      const url = new URL(answer.url);
      if (answer.ok && url.pathname === location.pathname) { location.hash = url.hash; location.reload(); } else if (answer.ok) location.href = answer.url;
      else { document.documentElement.innerHTML = await answer.text(); }
    } catch {
      show(form, "waiting");
      setTimeout(() => { if (document.body.contains(form)) send(form); }, AGAIN_MS);
    } finally {
      delete form.dataset.busy;
    }
  };
  for (const form of forms) {
    if (form.elements.key && !form.elements.key.value) form.elements.key.value = key();
    recall(form);
    form.addEventListener("input", () => remember(form));
    form.addEventListener("submit", (event) => { event.preventDefault(); send(form); });
  }
  addEventListener("online", () => forms.filter((form) => !form.querySelector("[data-state=waiting]").hidden).forEach(send));
})();
