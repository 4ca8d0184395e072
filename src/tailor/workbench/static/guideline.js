// What people are told is written here, by whoever may.
"use strict";
byId("change")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  try {
    await ask("/api/guideline", { text: byId("text").value, version: form.dataset.version });
    location.reload();
  } catch (error) {
    byId("said").textContent = error.status ? `Not kept: ${error.message}` : "The server cannot be reached; nothing was kept. Try again.";
  }
});
