// A difference is settled by choosing one of the labels that people gave, and by taking the marks of one of them, corrected if need be.
"use strict";
const articles = [...document.querySelectorAll(".difference")];
let current = null; // the row that keys act on

function say(text) {
  byId("said").textContent = text;
}

// The row that keys act on: it has a bar at its side, and the focus, so that it is in sight and read aloud.
function go(article, focus = true) {
  if (!article) return;
  current?.classList.remove("current");
  current = article;
  current.classList.add("current");
  if (!focus) return;
  current.focus({ preventScroll: true });
  current.scrollIntoView({ block: "nearest" });
}

function step(by) {
  go(articles[articles.indexOf(current) + by] ?? current);
}

async function settled(article, more) {
  let told;
  try {
    told = await ask("/api/judgements", { key: newKey(), row: article.dataset.row, role: "adjudicated", replaces: article.dataset.key || null, ...more });
  } catch (error) {
    say(error.status ? error.message : "The server cannot be reached; nothing was settled. Try again.");
    return null;
  }
  article.dataset.key = told.kept;
  const other = told.conflict && (told.conflict.label || "marked");
  say(other ? `${told.conflict.by} settled this row as “${other}” meanwhile. Yours counts now.` : "Settled.");
  return told;
}

// What an article says of who settled it.
function draw(article, by, shown) {
  const place = article.querySelector(".settled");
  const left = Number(byId("open")?.textContent) + Boolean(place.textContent) - Boolean(shown);
  if (byId("open")) byId("open").textContent = String(left);
  place.replaceChildren();
  if (shown) place.append("Settled by ", element("span", by, { class: "data" }), ": ", element("span", shown, { class: "data" }));
  for (const button of article.querySelectorAll("[data-label]")) button.setAttribute("aria-pressed", String(Boolean(shown) && button.dataset.shown === shown));
}

async function settle(article, button) {
  if (!(await settled(article, { label: JSON.parse(button.dataset.label) }))) return;
  draw(article, meta("person"), button.dataset.shown);
  go(article, false);
  step(1);
}

async function undo() {
  let told;
  try {
    told = await ask("/api/undo", { key: newKey(), role: "adjudicated" });
  } catch (error) {
    return say(error.status ? error.message : "The server cannot be reached, so nothing was taken back.");
  }
  if (!told.row) return say("You have settled nothing that could be taken back.");
  const article = articles.find((one) => one.dataset.row === told.row);
  if (!article) {
    sessionStorage.setItem("tailor-said", "Taken back: the row is among those to settle again.");
    return location.replace(location.pathname);
  }
  article.dataset.key = told.settled?.key ?? "";
  draw(article, told.settled?.by, told.settled && told.settled.label !== null ? told.settled.shown : "");
  const marked = article.querySelector(".marked");
  if (marked) marked.textContent = told.settled?.marks ? "Marks settled." : "";
  say(told.settled ? `Taken back. What ${told.settled.by} settled before counts again.` : "Taken back: nothing settles this row now.");
  go(article);
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
  if (!form || !(await settled(article, { marks: form.value() }))) return;
  article.querySelector(".marked").textContent = "Marks settled.";
}

for (const article of articles) {
  for (const button of article.querySelectorAll("[data-label]")) button.addEventListener("click", () => settle(article, button));
  for (const button of article.querySelectorAll(".look")) button.addEventListener("click", () => look(article, button));
  article.querySelector(".take")?.addEventListener("click", () => take(article));
  article.addEventListener("focusin", () => go(article, false));
}
byId("undo")?.addEventListener("click", undo);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.activeElement?.closest("input, textarea, select, .marks")) return; // the form has keys of its own
  const keys = { u: () => byId("undo")?.click(), j: () => step(1), k: () => step(-1), a: () => current?.querySelector(".another")?.click() };
  const choice = /^[1-9]$/.test(event.key) && current?.querySelectorAll("[data-label]")[Number(event.key) - 1];
  const action = choice ? () => settle(current, choice) : keys[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});

say(sessionStorage.getItem("tailor-said") ?? "");
sessionStorage.removeItem("tailor-said");
go(articles[0], false);
