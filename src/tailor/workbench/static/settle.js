// A difference is settled by choosing one of the labels that people gave.
"use strict";
const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const said = document.getElementById("said");

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function settle(article, button) {
  const body = { key: newKey(), row: article.dataset.row, role: "adjudicated", label: JSON.parse(button.dataset.label) };
  try {
    const response = await fetch("/api/judgements", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Tailor-Token": meta("page-token") },
      body: JSON.stringify(body),
    });
    if (!response.ok) {
      said.textContent = (await response.json()).error;
      return;
    }
  } catch (error) {
    said.textContent = "The server cannot be reached; nothing was settled. Try again.";
    return;
  }
  for (const other of article.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
  article.querySelector(".settled").textContent = `Settled: ${button.dataset.shown ?? button.textContent}`;
  said.textContent = "Settled.";
}

for (const article of document.querySelectorAll(".difference")) {
  for (const button of article.querySelectorAll("button")) button.addEventListener("click", () => settle(article, button));
}
