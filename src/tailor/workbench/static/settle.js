// A difference is settled by choosing one of the labels that people gave.
"use strict";
const said = document.getElementById("said");

async function settle(article, button) {
  const body = { key: newKey(), row: article.dataset.row, role: "adjudicated", label: JSON.parse(button.dataset.label) };
  try {
    await ask("/api/judgements", body);
  } catch (error) {
    said.textContent = error.status ? error.message : "The server cannot be reached; nothing was settled. Try again.";
    return;
  }
  for (const other of article.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
  article.querySelector(".settled").textContent = `Settled: ${button.dataset.shown ?? button.textContent}`;
  said.textContent = "Settled.";
}

for (const article of document.querySelectorAll(".difference")) {
  for (const button of article.querySelectorAll("button")) button.addEventListener("click", () => settle(article, button));
}
