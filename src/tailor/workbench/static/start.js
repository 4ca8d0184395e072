// The ticket is behind the # of the link, which browsers send to nobody. It is exchanged for a cookie that scripts cannot read.
"use strict";
const said = document.getElementById("said");
const ticket = location.hash.slice(1);

async function enter() {
  if (!ticket) {
    location.replace("/label");
    return;
  }
  try {
    const response = await fetch("/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ticket }),
    });
    if (response.ok) {
      location.replace("/label");
      return;
    }
    said.textContent = (await response.json()).error;
  } catch (error) {
    said.textContent = "The server cannot be reached. Is tailor label still running?";
  }
}

enter();
