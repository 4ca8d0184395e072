// The documents next to a question: passages that may answer it, and a search for others. Words selected in one support the answer.
"use strict";
window.tailorDocuments = () => {
  let asked = 0; // a reply may come after the next row
  let row = ""; // what may be read depends on it

  async function find(query) {
    const mine = ++asked;
    const list = byId("passages");
    try {
      const told = await ask("/api/passages", { query, row });
      if (mine !== asked) return;
      if (told.waits) {
        list.replaceChildren(element("p", "The documents are being read…", { class: "soft" }));
        setTimeout(() => mine === asked && find(query), 700);
        return;
      }
      const drawn = told.passages.map(({ document, text }) => {
        const box = element("div", "", { class: "text passage" });
        const words = element("p", text, { class: "data" });
        wordKeys(words, document);
        box.append(element("p", document, { class: "column" }), words);
        return box;
      });
      list.replaceChildren(...(drawn.length ? drawn : [element("p", told.why || "No passage has these words.", { class: "soft" })]));
    } catch (error) {
      if (mine === asked) list.replaceChildren(element("p", error.status ? error.message : "The server cannot be reached.", { class: "soft" }));
    }
  }

  byId("search").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.target.value.trim()) find(event.target.value);
  });

  return {
    show(name, query) {
      row = name;
      byId("documents").hidden = false;
      byId("search").value = "";
      byId("passages").replaceChildren();
      find(query);
    },
  };
};
