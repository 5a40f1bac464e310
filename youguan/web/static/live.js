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
    return !part || part.innerHTML.trim() !== unopened(target).trim();
  };
  // What a reader has unfolded is neither news nor folded again by news; it needs an id, as what has the focus does.
  const unopened = (target) => {
    const copy = target.cloneNode(true);
    for (const part of copy.querySelectorAll("details[open]")) part.removeAttribute("open");
    return copy.innerHTML;
  };
  let unfolded = [];
  document.body.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden) event.preventDefault(); });
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.shouldSwap) event.detail.shouldSwap = isNews(event.detail);
    unfolded = [...event.detail.target.querySelectorAll("details[id][open]")].map((part) => part.id);
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) back();
    else if (!event.detail.xhr.status || event.detail.xhr.status >= 500) lost();
  });
  document.addEventListener("youguan:lost", lost);
  document.addEventListener("youguan:back", back);
})();
