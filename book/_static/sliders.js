// @ts-check
// Moves the sliders of a page: shows the stored picture for where the handles stand. See finished_pages.py.
(() => {
  /**
   * @typedef {{ input: HTMLInputElement, output: HTMLOutputElement, labels: string[] }} Slider
   * @typedef {[address: string, description: string]} Picture
   */

  /** @param {HTMLElement} figure */
  function move(figure) {
    const image = /** @type {HTMLImageElement} */ (figure.querySelector("img"));
    /** @type {Picture[]} */
    const pictures = JSON.parse(figure.dataset.frames ?? "[]");
    const sliders = [...figure.querySelectorAll("input")].map((input) => sliderOf(figure, input));

    function show() {
      // The pictures of the last slider's positions follow each other, those of the first are farthest apart.
      const at = sliders.reduce((before, { input, labels }) => before * labels.length + input.valueAsNumber, 0);
      for (const { input, output, labels } of sliders) {
        output.value = labels[input.valueAsNumber];
        input.setAttribute("aria-valuetext", output.value);
      }
      [image.src, image.alt] = pictures[at];
    }

    for (const { input } of sliders) input.addEventListener("input", show);
    show(); // a browser may have put a handle back to where the reader left it
    fetchWhenNear(figure, pictures);
  }

  /**
   * @param {HTMLElement} figure
   * @param {HTMLInputElement} input
   * @returns {Slider}
   */
  function sliderOf(figure, input) {
    const output = /** @type {HTMLOutputElement} */ (figure.querySelector(`output[for="${input.id}"]`));
    return { input, output, labels: JSON.parse(input.dataset.labels ?? "[]") };
  }

  /**
   * Ask for the other pictures when the reader comes near, so that none is waited for; some readers never come.
   * @param {HTMLElement} figure
   * @param {Picture[]} pictures
   */
  function fetchWhenNear(figure, pictures) {
    const watcher = new IntersectionObserver(([{ isIntersecting }]) => {
      if (!isIntersecting) return;
      watcher.disconnect();
      for (const [address] of pictures) new Image().src = address;
    }, { rootMargin: "25%" });
    watcher.observe(figure);
  }

  for (const figure of document.querySelectorAll(".slider-figure")) move(/** @type {HTMLElement} */ (figure));
})();
