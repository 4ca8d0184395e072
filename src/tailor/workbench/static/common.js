// What every page needs.
"use strict";
const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const byId = (id) => document.getElementById(id);

// A key under which the server accepts something once.
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What the server answers; an error has its status, and none where the server cannot be reached.
async function ask(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tailor-Token": meta("page-token") },
    body: JSON.stringify(body),
  });
  const told = await response.json();
  if (!response.ok) throw Object.assign(new Error(told.error), { status: response.status });
  return told;
}

function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, given] of Object.entries(attributes)) made.setAttribute(name, given);
  return made;
}

document.querySelector("header [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // on a narrow page, tabs are scrolled
