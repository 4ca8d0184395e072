// A difference is settled by choosing one of the labels that people gave, and by taking the marks of one of them, corrected if need be.
"use strict";
const said = document.getElementById("said");

async function settled(row, more) {
  try {
    await ask("/api/judgements", { key: newKey(), row, role: "adjudicated", ...more });
  } catch (error) {
    said.textContent = error.status ? error.message : "The server cannot be reached; nothing was settled. Try again.";
    return false;
  }
  said.textContent = "Settled.";
  return true;
}

async function settle(article, button) {
  if (!(await settled(article.dataset.row, { label: JSON.parse(button.dataset.label) }))) return;
  for (const other of article.querySelectorAll("[data-label]")) other.setAttribute("aria-pressed", String(other === button));
  article.querySelector(".settled").textContent = `Settled: ${button.dataset.shown ?? button.textContent}`;
}

// One form at a time: each holds an image.
let form = null;

function look(article, button) {
  const host = article.querySelector(".marks");
  const open = button.getAttribute("aria-expanded") === "true";
  if (form) form.close();
  form = null;
  for (const other of document.querySelectorAll(".look")) other.setAttribute("aria-expanded", "false");
  for (const other of document.querySelectorAll(".marks, .marking")) other.hidden = true;
  if (open) return;
  const { form: name, given } = JSON.parse(host.dataset.form);
  host.replaceChildren();
  host.hidden = false;
  form = window.tailorForms[name](host, { ...given, ...JSON.parse(button.dataset.marks) });
  button.setAttribute("aria-expanded", "true");
  const marking = article.querySelector(".marking");
  if (marking) marking.hidden = false;
}

async function take(article) {
  if (!form || !(await settled(article.dataset.row, { marks: form.value() }))) return;
  article.querySelector(".marked").textContent = "Marks settled.";
}

for (const article of document.querySelectorAll(".difference")) {
  for (const button of article.querySelectorAll("[data-label]")) button.addEventListener("click", () => settle(article, button));
  for (const button of article.querySelectorAll(".look")) button.addEventListener("click", () => look(article, button));
  article.querySelector(".take")?.addEventListener("click", () => take(article));
}
