// Shows the equation, theorem, exercise, figure, erratum or work behind a reference, while the pointer or the focus is on it.
(() => {
  const KINDS = "div.math, div.proof, div.exercise, div.citation, figure";
  const stored = new Map([...document.querySelectorAll("script[data-preview]")].map((s) => [s.dataset.preview, s.text]));
  const tip = document.createElement("div");
  tip.id = "preview";
  tip.hidden = true;
  document.body.append(tip);
  let shown = null;
  let timer = 0;
  let touch = false; // whether the last thing that pointed was a finger
  let shownBefore = null; // whose preview was there when it came down

  function copy(link) {
    const href = link.getAttribute("href");
    if (stored.has(href)) return document.createRange().createContextualFragment(stored.get(href));
    const target = href.startsWith("#") && document.getElementById(decodeURIComponent(href.slice(1)));
    if (!target || !target.matches(`${KINDS}, span[id^="erratum-"]`)) return null;
    const clone = target.matches("span") ? entry(target) : target.cloneNode(true);
    clone.querySelectorAll(".headerlink, button, script").forEach((e) => e.remove());
    [clone, ...clone.querySelectorAll("[id], [tabindex]")].forEach((e) => ["id", "tabindex"].forEach((a) => e.removeAttribute(a)));
    clone.querySelectorAll("a").forEach((a) => a.replaceWith(...a.childNodes));
    return clone;
  }

  // An erratum: the heading and the paragraphs that follow its anchor.
  function entry(anchor) {
    const all = document.createElement("div");
    for (let next = anchor.nextElementSibling; next?.matches("h3, p"); next = next.nextElementSibling) all.append(next.cloneNode(true));
    return all;
  }

  function hide() {
    clearTimeout(timer);
    if (shown) shown.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  }

  function show(link) {
    const content = copy(link);
    hide();
    if (!content) return;
    shown = link;
    tip.replaceChildren(content);
    tip.setAttribute("role", touch ? "dialog" : "tooltip");
    tip.ariaLabel = touch ? "Preview" : null;
    if (touch) tip.append(way(link));
    tip.hidden = false;
    link.setAttribute("aria-describedby", tip.id);
    place();
  }

  // A finger has to tap twice to follow a reference, or once on this link in its preview.
  function way(link) {
    const go = Object.assign(document.createElement("a"), { href: link.href, textContent: "Go there" });
    go.className = "preview-go";
    go.addEventListener("click", hide);
    return go;
  }

  // Below its reference or above it, where there is more room, and never over it; away while the reference is.
  function place() {
    const lines = [...shown.getClientRects()];
    const [top, bottom] = [lines[0].top, lines.at(-1).bottom];
    const [above, below] = [top - 12, innerHeight - bottom - 12];
    tip.style.maxHeight = `min(60vh, ${Math.max(above, below)}px)`;
    const under = tip.offsetHeight <= below || below >= above;
    tip.style.left = `${Math.max(8, Math.min(lines[0].left, document.documentElement.clientWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${under ? bottom + 4 : top - tip.offsetHeight - 4}px`;
    tip.style.visibility = bottom < 0 || top > innerHeight ? "hidden" : "";
  }

  const link = (event) => event.target.closest?.("main a.reference.internal[href*='#']");
  const later = (action, delay) => { clearTimeout(timer); timer = setTimeout(action, delay); };
  document.addEventListener("mouseover", (event) => {
    const over = link(event);
    if (over && over !== shown) later(() => show(over), 150);
    else if (over || tip.contains(event.target)) clearTimeout(timer); // the pointer may move onto the preview
    else if (shown || timer) later(hide, 250);
  });
  document.addEventListener("pointerdown", (event) => {
    touch = event.pointerType === "touch";
    shownBefore = shown;
    if (touch && shown && !tip.contains(event.target) && link(event) !== shown) hide();
  });
  document.addEventListener("click", (event) => {
    const tapped = link(event);
    if (!touch || !tapped || tapped === shownBefore || event.detail === 0) return; // 0: by the keyboard
    show(tapped);
    if (shown === tapped) event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    if (link(event)) show(link(event));
    else if (!tip.contains(event.target)) hide();
  });
  // A click into the preview keeps it, and so does the focus of its link.
  document.addEventListener("focusout", (event) => tip.matches(":hover") || tip.contains(event.relatedTarget) || hide());
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("keydown", () => { touch = false; }, { capture: true });
  addEventListener("scroll", () => shown && place(), { passive: true }); // as when the Tab key goes to a reference below
})();
