// The live map and the list beside it. No tiles: nothing is asked of any other machine.
"use strict";
(() => {
  const holder = document.getElementById("map");
  holder.textContent = "";
  const states = JSON.parse(holder.dataset.states);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const colours = { free: colour("--good"), busy: colour("--busy"), broken: colour("--bad"), unknown: colour("--off") };
  const kinds = { free: "good", busy: "busy", broken: "bad", unknown: "" };
  const map = L.map(holder, { preferCanvas: true, attributionControl: false, zoomSnap: 0.5 }).setView([29.3, 121.43], 10.5);
  L.control.scale({ imperial: false }).addTo(map);
  for (const town of JSON.parse(holder.dataset.towns)) {
    const name = document.createElement("span");
    name.textContent = holder.dataset.language === "zh" ? town.name : town.name_en;
    L.marker([town.latitude, town.longitude], {
      interactive: false, keyboard: false, icon: L.divIcon({ className: "town", html: name, iconSize: null }),
    }).addTo(map);
  }
  const markers = new Map();
  const radius = (p) => 4 + Math.min(8, Math.sqrt(p.available + p.in_use + p.faulted + p.unknown));
  const look = (p) => ({
    radius: radius(p), color: colours[p.state], weight: p.managed ? 2 : 1, fillColor: colours[p.state],
    fillOpacity: p.state === "free" ? 0.85 : 0.3, dashArray: p.managed ? null : "3 3",
  });
  const show = (feature) => {
    const p = feature.properties;
    let marker = markers.get(p.id);
    if (!marker) {
      const [lng, lat] = feature.geometry.coordinates;
      marker = L.circleMarker([lat, lng], look(p)).addTo(map);
      marker.bindTooltip("");
      marker.on("click", () => { location.href = `/sites/${encodeURIComponent(p.id)}`; });
      markers.set(p.id, marker);
    }
    marker.setStyle(look(p)).setRadius(radius(p));
    if (p.state === "unknown") marker.bringToBack();
    const text = document.createElement("span");
    text.textContent = `${p.name} · ${states[p.state]}${p.state === "unknown" ? "" : ` ${p.available}`}`;
    marker.setTooltipContent(text);
  };
  const update = (feature) => {
    const p = feature.properties;
    if (p.retired) {
      markers.get(p.id)?.remove();
      markers.delete(p.id);
      document.querySelector(`[data-site="${CSS.escape(p.id)}"]`)?.closest("li").remove();
      return;
    }
    show(feature);
    const row = document.querySelector(`[data-site="${CSS.escape(p.id)}"]`);
    if (!row) return;
    const badge = row.querySelector("[data-badge] .badge");
    badge.className = `badge ${kinds[p.state]}`;
    badge.textContent = states[p.state];
    row.querySelector("[data-free-count]").textContent = p.state === "unknown" ? row.dataset.unknown : row.dataset.free.replace("{n}", p.available);
    row.classList.remove("changed");
    void row.offsetWidth;
    row.classList.add("changed");
  };
  // The feed rests while nobody looks: a phone's battery, and a browser's few connections to one machine.
  let since = holder.dataset.version;
  let feed = null;
  const listen = () => {
    feed = new EventSource(`/api/public/changes?since=${since}`);
    feed.onopen = () => document.dispatchEvent(new Event("youguan:back"));
    feed.onerror = () => document.dispatchEvent(new Event("youguan:lost"));
    feed.onmessage = (event) => {
      since = event.lastEventId;
      JSON.parse(event.data).forEach(update);
      const asOf = document.getElementById("as-of");
      if (asOf) asOf.textContent = new Date().toLocaleString("sv-SE", { timeZone: "Asia/Shanghai" }).slice(5);
    };
  };
  document.addEventListener("visibilitychange", () => {
    if (!feed) return;
    feed.close();
    if (!document.hidden) listen();
  });
  fetch("/api/public/sites.geojson").then((answer) => answer.json()).then((all) => {
    all.features.forEach(show);
    if (all.features.length) {
      map.fitBounds(L.latLngBounds(all.features.map((f) => [f.geometry.coordinates[1], f.geometry.coordinates[0]])).pad(0.05));
    }
    listen();
  });
  const near = document.getElementById("near");
  const refused = document.getElementById("refused");
  if (navigator.geolocation) {
    near.hidden = false;
    near.addEventListener("click", () => navigator.geolocation.getCurrentPosition((found) => {
      const form = near.closest("form");
      form.elements.at.value = `${found.coords.longitude.toFixed(5)},${found.coords.latitude.toFixed(5)}`;
      form.requestSubmit();
      refused.hidden = true;
    }, () => { refused.hidden = false; }));
  }
})();
