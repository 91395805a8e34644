// Sets the formulas of a marking page, and saves each mark as soon as it is entered.
"use strict";

const served = location.protocol.startsWith("http");
const forms = Array.from(document.forms);

// KaTeX sets a formula when it comes near the screen: a page may hold thousands.
if (window.katex) {
  const options = { throwOnError: false, trust: false, maxExpand: 1000, maxSize: 20 };
  const observer = new IntersectionObserver((changes) => {
    for (const { isIntersecting, target } of changes) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      const tex = target.textContent;
      try {
        const displayMode = target.classList.contains("display");
        katex.render(tex, target, { ...options, displayMode });
      } catch {
        target.textContent = tex;
      }
    }
  }, { rootMargin: "1000px" });
  for (const formula of document.querySelectorAll(".tex")) observer.observe(formula);
}

// On a narrow screen the solution stands above the derivations, and would hide them.
if (matchMedia("(max-width: 60rem)").matches) document.querySelector("aside details").open = false;

const student = (form) => form.closest("article").dataset.student;
let file = ""; // of the marks: another course may use the same address
const key = (form) => `${file} ${form.dataset.exercise} ${student(form)}`;
const values = (form) => ({
  student: student(form),
  exercise: form.dataset.exercise,
  points: form.elements.points?.value ?? "",
  comment: form.elements.comment.value,
  text: form.closest("article").dataset.text,
});

function show(form, { points, comment }) {
  if (form.elements.points) form.elements.points.value = points;
  form.elements.comment.value = comment;
}

function showProgress() {
  const fields = forms.map((form) => form.elements.points ?? form.elements.comment);
  const marked = fields.filter((field) => field.value.trim() && !field.form.dataset.unsaved).length;
  document.getElementById("progress").textContent = `${marked} of ${forms.length} marked`;
}

// What could not be saved stays in the browser until it is.
async function save(form) {
  const output = form.querySelector("output");
  const entered = JSON.stringify(values(form));
  const isNewest = () => localStorage.getItem(key(form)) === entered;
  localStorage.setItem(key(form), entered);
  output.textContent = "";
  try {
    const answer = await fetch("mark", { method: "POST", body: entered });
    const said = await answer.text();
    if (!answer.ok) throw new Error(said);
    if (!isNewest()) return;
    localStorage.removeItem(key(form));
    delete form.dataset.unsaved;
    output.textContent = said;
  } catch (error) {
    if (!isNewest()) return;
    const reason = error instanceof TypeError ? "make mark does not run any more" : error.message;
    form.dataset.unsaved = "yes";
    output.textContent = `Not saved: ${reason}`;
  }
  showProgress();
}

// Shows what was entered before and could not be saved, unless there is a mark by now.
function takeUp(form, row) {
  const kept = JSON.parse(localStorage.getItem(key(form)));
  if (!kept) return;
  if (row?.points === kept.points && row.comment === kept.comment) {
    localStorage.removeItem(key(form));
  } else if (row?.points || row?.comment) {
    const output = form.querySelector("output");
    output.textContent = `Entered here before, and not saved: ${kept.points} ${kept.comment}`;
  } else {
    show(form, kept);
    save(form);
  }
}

async function begin() {
  document.getElementById("note").hidden = true;
  const answer = await fetch("marks.json");
  if (!answer.ok) {
    document.getElementById("progress").textContent = await answer.text();
    return;
  }
  const marks = await answer.json();
  file = marks.file;
  for (const form of forms) {
    const { student, exercise } = values(form);
    const row = marks.rows.find((row) => row.student === student && row.exercise === exercise);
    if (row) show(form, row);
    takeUp(form, row);
    for (const field of form.elements) field.disabled = false;
    form.addEventListener("change", () => save(form));
    form.addEventListener("submit", (event) => { event.preventDefault(); save(form); });
  }
  showProgress();
}

if (served) begin();
