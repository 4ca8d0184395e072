// How an answer is given: the choices, the fields or the text of a row, and reading them. Loaded before label.js, which says of what row.
"use strict";
let entry = null; // how an answer is given
let value = null; // what is chosen, where the answer is made of choices
let found = []; // entities
let keys = 0; // number keys that are on buttons

// Forms: each draws what there is to do, and `answer` reads it

const FORMS = { choice: drawChoices, choices: drawChoices, fields: drawFields, text: drawText };

function drawChoices(draft) {
  if (entry.shape === "choices" && Array.isArray(draft)) value = [...draft];
  if (entry.shape === "choice" && typeof draft === "string") value = draft;
  const box = element("div", "", { class: "choices", role: "group", "aria-label": "Labels" });
  const drawn = [box];
  const draw = (filter) => {
    const shown = entry.choices.filter((label) => label.toLowerCase().includes(filter.toLowerCase()));
    box.replaceChildren(...shown.map((label, place) => choiceButton(label, place)));
    return shown;
  };
  draw("");
  if (entry.choices.length > 9 || entry.adds) {
    const field = element("div", "", { class: "field" });
    const first = "Write a label and press Enter: it becomes a button here";
    const hint = !entry.choices.length ? first : entry.adds ? "Find a label, or write a new one" : "Find a label";
    const label = element("label", `${hint} `, { for: "find" });
    label.append(element("kbd", "/"));
    const input = element("input", "", { id: "find", type: "text", autocomplete: "off", maxlength: "200" });
    input.addEventListener("input", () => draw(input.value.trim()));
    input.addEventListener("keydown", (event) => {
      if (event.key === "/" && !input.value) return event.preventDefault(); // the key that leads here, where one is already
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      const text = input.value.trim();
      if (!text) return submit();
      const exact = entry.choices.find((choice) => choice.toLowerCase() === text.toLowerCase());
      const first = exact ?? (entry.adds ? text : draw(text)[0]);
      if (first === undefined) return block("No label has this in it.");
      if (!entry.choices.includes(first)) entry.choices.push(first);
      input.value = "";
      draw("");
      choose(first);
    });
    field.append(label, input);
    drawn.push(field);
  }
  if (entry.shape === "choice" && marks) drawn.push(submitButton("Done"));
  if (entry.shape === "choices") drawn.push(submitButton(doneWord()));
  return drawn;
}

// Where nothing can be done but writing, what is typed is written: letters would be keys of the page otherwise.
function focusFirst() {
  if (entry.shape === "text" && !entry.source && !entry.nothing) byId("answer").focus({ preventScroll: true });
  if (["choice", "choices"].includes(entry.shape) && !entry.choices.length) byId("find")?.focus({ preventScroll: true });
}

function choiceButton(label, place) {
  const button = element("button", "", { type: "button", "data-label": label, "aria-pressed": String(isChosen(label)) });
  if (place < 9) button.append(keyFor(button, place + 1), " ");
  button.append(element("span", label));
  button.addEventListener("click", () => choose(label));
  return button;
}

// The number that presses a button, as it stands on it; none where there are more than nine.
function keyFor(button, number = ++keys) {
  if (number > 9) return "";
  button.dataset.key = String(number);
  return element("kbd", String(number));
}

// What the button of a set says: that no label is chosen is an answer, too, and must be seen to be one.
const doneWord = () => (value.length || !entry.choices.length ? "Done" : "None of them applies");

const isChosen = (label) => (Array.isArray(value) ? value.includes(label) : value === label);

function choose(label) {
  if (entry.shape === "choice" && !marks) {
    value = label;
    submit();
    return;
  }
  if (entry.shape === "choice") value = isChosen(label) ? null : label; // there are marks to make, too
  else value = isChosen(label) ? value.filter((other) => other !== label) : [...value, label];
  for (const button of document.querySelectorAll("[data-label]")) {
    button.setAttribute("aria-pressed", String(isChosen(button.dataset.label)));
  }
  if (entry.shape === "choices") byId("submit").firstChild.textContent = `${doneWord()} `;
  block("");
}

function submitButton(text, key = "Enter") {
  const button = element("button", `${text} `, { type: "submit", class: "main", id: "submit" });
  button.append(element("kbd", key));
  return button;
}

function drawText(draft) {
  const field = element("div", "", { class: "field" });
  field.append(element("label", "Answer", { for: "answer" }));
  const input = element("textarea", "", { id: "answer", rows: String(entry.lines) });
  input.value = typeof draft === "string" ? draft : (draft?.answer ?? "");
  input.addEventListener("input", keepDraft);
  field.append(input);
  const drawn = [field];
  if (entry.source) {
    const quote = element("div", "", { class: "field" });
    quote.append(element("label", "Words of the document that support it", { for: "source" }));
    const words = element("input", "", { id: "source", type: "text", autocomplete: "off" });
    words.value = draft?.source ?? "";
    words.addEventListener("input", keepDraft);
    const line = element("div", "", { class: "beside" });
    line.append(words, takeButton(words));
    quote.append(line);
    drawn.push(quote);
  }
  drawn.push(submitButton("Done", "Ctrl Enter"));
  if (entry.nothing) {
    const button = element("button", `${entry.nothing} `, { type: "button", id: "nothing" });
    button.append(element("kbd", "0"));
    button.addEventListener("click", () => submit(""));
    drawn.push(" ", button);
  }
  return drawn;
}

function takeButton(input) {
  const take = element("button", "Take the selected words ", { type: "button" });
  take.append(keyFor(take));
  take.addEventListener("mousedown", (event) => event.preventDefault()); // else the selection would go
  take.addEventListener("click", () => takeWords(input));
  return take;
}

function drawFields(draft) {
  const drawn = entry.fields.map((field) => (field.form === "entities" ? entityField(field, draft) : lineField(field, draft)));
  return [...drawn, submitButton("Done")];
}

function lineField(field, draft) {
  const box = element("div", "", { class: "field" });
  const label = element("label", `${field.name} `, { for: `field ${field.name}` });
  label.append(element("span", field.says, { class: "hint" }));
  box.append(label);
  const id = { id: `field ${field.name}`, "data-field": field.name, "data-form": field.form };
  let input;
  if (field.choices.length) {
    input = element("select", "", id);
    input.append(...["", ...field.choices].map((choice) => element("option", choice, { value: choice })));
  } else {
    input = element("input", "", { ...id, type: "text", autocomplete: "off" });
  }
  const given = String(field.name).split(".").reduce((outer, name) => outer?.[name], draft);
  input.value = given === undefined || given === null ? "" : typeof given === "object" ? JSON.stringify(given) : String(given);
  input.addEventListener("input", keepDraft);
  const line = element("div", "", { class: "beside" });
  line.append(input);
  if (!field.choices.length) line.append(takeButton(input));
  box.append(line);
  return box;
}

function takeWords(input) {
  const words = String(getSelection());
  if (!words.trim()) return block("Select words of the text first.");
  input.value = words;
  block("");
  keepDraft();
}

// Places in a text are counted as Python counts them, in code points; JavaScript counts UTF-16 units.
const points = (text) => Array.from(text).length;

function selectedPlace() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const text = document.querySelector("#texts .data");
  if (!text || !text.contains(range.startContainer) || !text.contains(range.endContainer)) return null;
  const before = document.createRange();
  before.setStart(text, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const start = points(before.toString());
  return { start, end: start + points(range.toString()), text: range.toString() };
}

function entityField(field, draft) {
  found = Array.isArray(draft?.[field.name]) ? draft[field.name] : [];
  const box = element("div", "", { class: "field" });
  box.append(element("p", "Select words in the text, then choose what they are. By keyboard: arrows in the text, with Shift for several words.", { class: "hint" }));
  const types = element("div", "", { class: "choices", role: "group", "aria-label": "Types" });
  field.choices.forEach((type) => {
    const button = element("button", "", { type: "button", "data-type": type });
    button.append(keyFor(button), " ", element("span", type));
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => mark(type));
    types.append(button);
  });
  const chips = element("ul", "", { class: "chips", id: "entities", "aria-label": "Marked" });
  chips.dataset.field = field.name;
  box.append(types, chips);
  queueMicrotask(drawEntities);
  return box;
}

function mark(type) {
  const place = selectedPlace();
  if (!place || !place.text.trim()) return block("Select words in the text first.");
  if (!found.some((one) => one.start === place.start && one.end === place.end && one.type === type)) {
    found = [...found, { type, ...place }].sort((a, b) => a.start - b.start);
  }
  getSelection().removeAllRanges();
  block("");
  drawEntities();
  keepDraft();
}

function drawEntities() {
  const text = ready[0]?.texts[0]?.text ?? "";
  const signs = Array.from(text);
  const parts = [];
  let at = 0;
  for (const one of found.filter((each) => Number.isInteger(each.start))) {
    if (one.start < at) continue; // overlapping ones are in the list alone
    parts.push(signs.slice(at, one.start).join(""), element("mark", signs.slice(one.start, one.end).join(""), { title: one.type }));
    at = one.end;
  }
  parts.push(signs.slice(at).join(""));
  document.querySelector("#texts .data")?.replaceChildren(...parts);
  byId("entities").replaceChildren(
    ...found.map((one) => {
      const line = element("li");
      const button = element("button", `${one.text} · ${one.type} `, { type: "button", "aria-label": `Take out ${one.text}, ${one.type}` });
      button.append(element("span", "×", { "aria-hidden": "true" }));
      button.addEventListener("click", () => {
        found = found.filter((other) => other !== one);
        drawEntities();
        keepDraft();
      });
      line.append(button);
      return line;
    }),
  );
}

function answer() {
  if (entry.shape === "choice" || entry.shape === "choices") return value;
  if (entry.shape === "text") return byId("answer").value;
  const given = {};
  for (const input of document.querySelectorAll("[data-form]")) given[input.dataset.field] = fieldValue(input);
  for (const field of entry.fields) if (field.form === "entities") given[field.name] = found;
  return given;
}

function fieldValue(input) {
  const text = input.value.trim();
  const { form, field } = input.dataset;
  if (form === "json" && text) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`${field} is no JSON. Write a list, such as ["a", "b"].`);
    }
  }
  const choices = entry.fields.find((one) => one.name === field).choices;
  return choices.length === 2 && choices.includes("true") && text ? text === "true" : text;
}

function keepDraft() {
  if (!ready.length) return;
  try {
    const draft = entry.shape === "text" ? { answer: byId("answer").value, source: byId("source")?.value ?? "" } : answer();
    localStorage.setItem(DRAFTS, JSON.stringify({ ...stored(DRAFTS, {}), [ready[0].row]: draft }));
  } catch (error) {
    // half a list is no draft that can be read again
  }
}
