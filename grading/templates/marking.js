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
const fields = (form) => ({
  points: form.elements.points?.value ?? "",
  comment: form.elements.comment.value,
});
const same = (one, other) =>
  ["points", "comment"].every((name) => one[name].trim() === other[name].trim());
const inFile = new Map(); // by form: the points and the comment that the file has
const sending = new Map(); // by form: its last request

function show(form, { points, comment }) {
  if (form.elements.points) form.elements.points.value = points;
  form.elements.comment.value = comment;
}

function say(form, text) {
  form.querySelector("output").textContent = text;
}

function showProgress() {
  const shown = forms.map((form) => form.elements.points ?? form.elements.comment);
  const marked = shown.filter((field) => field.value.trim() && !field.form.dataset.unsaved).length;
  document.getElementById("progress").textContent = `${marked} of ${forms.length} marked`;
}

// What is typed stays in the browser until it is saved, unless the browser forbids it.
let storage = null;
try {
  storage = localStorage;
} catch { /* then it is saved without that */ }

function keep(form, entry) {
  try {
    storage?.setItem(key(form), JSON.stringify(entry));
  } catch { /* there is no room */ }
}

// What a form has now, and what the file had when this was typed.
function entryOf(form) {
  return {
    student: student(form),
    exercise: form.dataset.exercise,
    text: form.closest("article").dataset.text,
    ...fields(form),
    before: inFile.get(form),
  };
}

function typed(form) {
  form.dataset.unsaved = "yes";
  say(form, "");
  keep(form, entryOf(form));
}

// One request after the other: each says what the file has by the one before it.
function save(form, text) {
  const before = sending.get(form) ?? Promise.resolve();
  sending.set(form, before.then(() => send(form, text)));
}

async function send(form, text) {
  const entry = { ...entryOf(form), ...text };
  const isNewest = () => same(entry, fields(form));
  keep(form, entry);
  try {
    const keepalive = document.visibilityState === "hidden"; // this page may go
    const answer = await fetch("mark", { method: "POST", body: JSON.stringify(entry), keepalive });
    const said = await answer.text();
    if (!answer.ok) throw new Error(said);
    inFile.set(form, { points: entry.points, comment: entry.comment });
    if (!isNewest()) return;
    storage?.removeItem(key(form));
    delete form.dataset.unsaved;
    say(form, said);
  } catch (error) {
    if (!isNewest()) return;
    const reason = error instanceof TypeError ? "make mark does not run any more" : error.message;
    form.dataset.unsaved = "yes";
    say(form, `Not saved: ${reason}`);
  }
  showProgress();
}

// Shows what was typed before and not saved, unless there is another mark by now.
function takeUp(form) {
  const entry = JSON.parse(storage?.getItem(key(form)) ?? null);
  if (!entry) return;
  const { text, before } = entry;
  if (same(entry, inFile.get(form))) { // the last request of the page arrived
    storage.removeItem(key(form));
    say(form, "Saved");
  } else if (before && same(before, inFile.get(form))) {
    show(form, entry);
    save(form, { text });
  } else {
    say(form, `Entered here before, and not saved: ${entry.points} ${entry.comment}`);
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
    const { student, exercise } = entryOf(form);
    const row = marks.rows.find((row) => row.student === student && row.exercise === exercise);
    if (row) show(form, row);
    inFile.set(form, fields(form));
    takeUp(form);
    for (const field of form.elements) field.disabled = false;
    form.addEventListener("input", () => typed(form));
    form.addEventListener("change", () => save(form));
    form.addEventListener("submit", (event) => { event.preventDefault(); save(form); });
  }
  document.addEventListener("visibilitychange", saveAll);
  showProgress();
}

// The page may be closed, or another one opened, in the middle of a comment.
function saveAll() {
  if (document.visibilityState !== "hidden") return;
  for (const form of forms) if (form.dataset.unsaved) save(form);
}

if (served) begin();
