// What the pages do by themselves: show where more is to see, print on white, copy formulas as TeX.
(() => {
  // ---- An edge at what is wider than the page, until it has been scrolled to its end; and then the keyboard scrolls it. ----
  const WIDE = "article .formula, article div.highlight pre, article .cell_output pre, .pst-scrollable-table-container, article .cell_output .output.text_html";
  const mark = (box) => {
    const hidden = box.scrollWidth - box.clientWidth;
    const wide = hidden > 1 && box.clientWidth > 0;
    box.parentNode.classList.toggle("more-right", wide && box.scrollLeft < hidden - 1);
    box.parentNode.classList.toggle("more-left", wide && box.scrollLeft > 1);
    if (wide) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  };
  const resized = new ResizeObserver((changes) => changes.forEach(({ target }) => mark(target)));
  for (const box of document.querySelectorAll(WIDE)) {
    if (box.querySelector(WIDE)) continue; // what is inside scrolls
    const frame = document.createElement("div");
    frame.className = "more-frame";
    box.replaceWith(frame);
    frame.append(box);
    box.addEventListener("scroll", () => mark(box), { passive: true });
    resized.observe(box);
    document.fonts.ready.then(() => mark(box));
  }

  // ---- What a link leads to is open: a solution, or a cell that is folded away. ----
  function openTarget(hash) {
    const target = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
    let fold = target && target.closest("details");
    if (!fold) return;
    for (; fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  }
  openTarget(location.hash);
  addEventListener("hashchange", () => openTarget(location.hash));
  document.addEventListener("click", (event) => { // the address may be the same as before
    const link = event.target.closest?.("a[href^='#']");
    if (link && link.hash === location.hash) openTarget(link.hash);
  });

  // ---- Paper is white. ----
  const root = document.documentElement;
  let shown = null;
  const print = (on) => {
    if (on && shown === null) [shown, root.dataset.theme] = [root.dataset.theme, "light"];
    else if (!on && shown !== null) [root.dataset.theme, shown] = [shown, null];
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  matchMedia("print").addEventListener("change", (event) => print(event.matches));

  // ---- A formula is copied as its TeX: a page has it as MathML, as TeX and as letters. ----
  const formula = (node) => (node.nodeType === Node.TEXT_NODE ? node.parentElement : node)?.closest(".katex");
  document.addEventListener("copy", (event) => {
    const selection = getSelection();
    if (selection.isCollapsed || !event.clipboardData) return;
    const range = selection.getRangeAt(0).cloneRange();
    const [first, last] = [formula(range.startContainer), formula(range.endContainer)];
    if (first) range.setStartBefore(first); // a part of a formula stands for all of it
    if (last) range.setEndAfter(last);
    const copied = document.createElement("div");
    copied.append(range.cloneContents());
    if (!copied.querySelector(".katex")) return;
    copied.querySelectorAll(".headerlink, button, script, style").forEach((node) => node.remove());
    for (const node of copied.querySelectorAll(".katex")) {
      const tex = node.querySelector("annotation").textContent.trim();
      const alone = node === copied.firstChild && first.closest(".katex-display"); // a part of one formula
      const shown = node.closest(".katex-display");
      (shown ?? node).replaceWith(shown || alone ? `$$${tex}$$` : `$${tex}$`);
    }
    for (const node of copied.querySelectorAll("p, li, h1, h2, h3, div.math")) node.append("\n");
    event.clipboardData.setData("text/html", copied.innerHTML);
    event.clipboardData.setData("text/plain", copied.textContent.replace(/[ \t]*\n\s*\n\s*/g, "\n\n").trim());
    event.preventDefault();
  });

  // ---- A frame that may send no form searches too. ----
  document.addEventListener("keydown", (event) => {
    const form = event.key === "Enter" && event.target.closest?.("form.bd-search");
    if (!form || form.closest(".bd-search-container")) return;
    event.preventDefault();
    location.assign(`${form.action}?q=${encodeURIComponent(event.target.value)}`);
  });
})();
