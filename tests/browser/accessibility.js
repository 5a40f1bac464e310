// What accessibility.py asks of a page; each answer is a list of sentences about what is wrong.
"use strict";
({
  // Contrast is that of WCAG 1.4.3: large text begins at 24 px, or 18.66 px in bold.
  checks: () => {
    const wrong = [];
    const say = (what, element) => wrong.push(`${what}: ${element.outerHTML.replace(/\s+/g, " ").slice(0, 160)}`);
    const all = (selector) => [...document.querySelectorAll(selector)];
    const shown = (element) => element.checkVisibility({ visibilityProperty: true });
    const name = (element) => element.getAttribute("aria-label")
      || (element.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join(" ").trim()
      || [...element.querySelectorAll("img[alt], svg title")].map((part) => part.alt || part.textContent).join(" ")
      || element.textContent.trim() || element.title;

    if (!document.documentElement.lang) wrong.push("the page has no language");
    if (!document.title.trim()) wrong.push("the page has no title");
    if (all("h1").filter(shown).length !== 1) wrong.push(`the page has ${all("h1").length} h1`);
    if (all("main").length !== 1) wrong.push(`the page has ${all("main").length} main`);
    let level = 0;
    for (const heading of all("h1, h2, h3, h4, h5, h6").filter(shown)) {
      const own = Number(heading.tagName[1]);
      if (own > level + 1) say(`h${own} follows h${level}`, heading);
      if (!heading.textContent.trim()) say("an empty heading", heading);
      level = own;
    }
    const seen = new Set();
    for (const element of all("[id]")) {
      if (seen.has(element.id)) say("an id that is there twice", element);
      seen.add(element.id);
    }
    for (const field of all("input:not([type=hidden]), select, textarea").filter(shown)) {
      if (!field.getAttribute("aria-label") && ![...field.labels].some((label) => label.textContent.trim())) say("no label", field);
    }
    for (const control of all("a[href], button, summary, [role=button]").filter(shown)) if (!name(control)) say("no name", control);
    for (const part of all("nav, [role=region], [role=application]")) if (!name(part)) say("no name", part);
    for (const image of all("img")) if (!image.hasAttribute("alt")) say("no alt", image);
    for (const part of all("[aria-describedby], [aria-labelledby], [aria-controls]")) {
      for (const attribute of ["aria-describedby", "aria-labelledby", "aria-controls"]) {
        for (const id of (part.getAttribute(attribute) || "").split(" ").filter(Boolean)) {
          if (!document.getElementById(id)) say(`${attribute} names nothing`, part);
        }
      }
    }
    for (const list of all("ul, ol")) {
      for (const child of list.children) if (!["LI", "SCRIPT", "TEMPLATE"].includes(child.tagName)) say("in a list, but no item", child);
    }

    const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number); return { r, g, b, a }; };
    const over = (top, under) => ({
      r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a), a: 1,
    });
    const background = (element) => {
      const layers = [];
      for (let at = element; at; at = at.parentElement) {
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour.a) layers.push(colour);
        if (colour.a === 1) break;
      }
      const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? { r: 18, g: 18, b: 18, a: 1 } : { r: 255, g: 255, b: 255, a: 1 };
      return layers.reverse().reduce((under, layer) => over(layer, under), canvas);
    };
    const light = ({ r, g, b }) => {
      const [x, y, z] = [r, g, b].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const contrast = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
    const texts = new Set(all("input:not([type=hidden]):not([type=checkbox]), select, textarea"));
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) if (walk.currentNode.textContent.trim()) texts.add(walk.currentNode.parentElement);
    for (const element of texts) {
      if (!shown(element) || element.closest("script, style, noscript, :disabled")) continue;
      const style = getComputedStyle(element);
      const size = parseFloat(style.fontSize);
      const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      const under = background(element);
      let opacity = 1;
      for (let at = element; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
      const colour = parse(style.color);
      const found = contrast(over({ ...colour, a: colour.a * opacity }, under), under);
      if (found < needed) say(`contrast ${found.toFixed(2)}, needed ${needed}`, element);
    }
    return wrong;
  },

  // Notes what the Tab key reaches and whether it can be seen that it is there, outside of the page's own elements.
  watchFocus: () => {
    window.reached = [];
    document.addEventListener("focusin", ({ target }) => {
      const style = getComputedStyle(target);
      const seen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
      window.reached.push({ target, seen });
    });
    document.body.tabIndex = -1;  // a field that has the focus by itself is no beginning: go back to the top
    document.body.focus();
    document.body.removeAttribute("tabindex");
    window.reached.length = 0;
    // Of a group of radio buttons Tab stops at one, the chosen one or the first; the arrow keys lead on.
    const isStop = (one) => {
      if (one.type !== "radio") return true;
      const group = [...(one.form ?? document).querySelectorAll(`input[type=radio][name="${one.name}"]`)];
      return one === (group.find((each) => each.checked) ?? group[0]);
    };
    const selector = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
    window.controls = () => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility({ visibilityProperty: true })
      && !one.disabled && one.tabIndex >= 0 && isStop(one));
    const parts = { "datetime-local": 8, date: 3 };  // Tab goes through them too
    return window.controls().reduce((sum, one) => sum + 1 + (parts[one.type] ?? 0), 0);
  },

  focusFaults: () => {
    const text = (one) => one.outerHTML.replace(/\s+/g, " ").slice(0, 160);
    const targets = window.reached.map(({ target }) => target);
    const first = targets[0]?.classList.contains("skip") ? [] : ["the first thing that Tab reaches is not the way to the content"];
    return first.concat(
      window.controls().filter((one) => !targets.includes(one)).map((one) => `Tab does not reach: ${text(one)}`),
      window.reached.filter(({ seen }) => !seen).map(({ target }) => `focus is not seen: ${text(target)}`),
    );
  },

  isTooWide: () => document.scrollingElement.scrollWidth > innerWidth,
})
