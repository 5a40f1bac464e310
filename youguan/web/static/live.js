// What every page that keeps itself up to date needs: nothing is swapped under a finger, nothing runs unseen, and loss is said.
"use strict";
(() => {
  const stale = document.getElementById("stale");
  const lost = () => { stale.hidden = false; };
  const back = () => { stale.hidden = true; };
  // The same again would only lose a tap that is under way, and the focus.
  const isNews = ({ target, requestConfig, serverResponse }) => {
    const select = requestConfig.elt.getAttribute("hx-select");
    const fresh = new DOMParser().parseFromString(serverResponse, "text/html");
    const part = select ? fresh.querySelector(select) : fresh.body;
    return !part || part.innerHTML.trim() !== target.innerHTML.trim();
  };
  document.body.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden) event.preventDefault(); });
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.shouldSwap) event.detail.shouldSwap = isNews(event.detail);
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) back();
    else if (!event.detail.xhr.status || event.detail.xhr.status >= 500) lost();
  });
  document.addEventListener("youguan:lost", lost);
  document.addEventListener("youguan:back", back);
})();
