// The page on which people label. What they say is kept in this browser until the server has acknowledged it, under a key that the
// server accepts once: so nothing is lost when the network or the server goes, and nothing counts twice when it comes back.
"use strict";
const OUTBOX = `tailor-outbox ${meta("person")} `;
const DRAFTS = `tailor-drafts ${meta("person")}`;
const AHEAD = 3; // rows held ready
const AGAIN = 3000; // milliseconds until another try

function stored(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch (error) {
    return otherwise;
  }
}

const page = sessionStorage.getItem("tailor-page") ?? newKey();
sessionStorage.setItem("tailor-page", page);

let ready = []; // rows that were given out; the first one is shown
let entry = null;
let began = 0;
let flagged = false;
let value = null; // what is chosen, where the answer is made of choices
let found = []; // entities
let marks = null; // the form in which images and video are marked, where the task has one
let sending = false;
let wanted = location.hash.slice(1); // a row that was asked for
let asking = null; // the rows that are on their way
let keys = 0; // number keys that are on buttons
let reading = null; // the documents next to the question, where there are some
const past = new Set(); // rows that were answered on this page: an answer of the server may be older than that

// What is said, and whether it arrived

function say(text, bad = false) {
  byId("said").textContent = text;
  byId("said").classList.toggle("bad", bad);
}

function block(text) {
  byId("blocked").textContent = text;
  if (text) byId("blocked").scrollIntoView({ block: "nearest" });
}

// An entry for each judgement: in a list of all, another page of this browser could write over what it has not seen yet.
function keep(judgement) {
  localStorage.setItem(OUTBOX + judgement.key, JSON.stringify({ ...judgement, given: Date.now() }));
}

function forget(key) {
  localStorage.removeItem(OUTBOX + key);
}

function unsent() {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(OUTBOX));
  return names.map((name) => stored(name, null)).filter(Boolean).sort((first, second) => first.given - second.given);
}

// Rows and answers fail together, and whichever fails last must not hide that answers are kept.
function sayFailed(error) {
  const waiting = unsent().length;
  const which = waiting === 1 ? "1 answer is" : `${waiting} answers are`;
  const why = error.status === undefined ? "The server cannot be reached." : error.message;
  say(`${why} ${waiting ? `${which} kept in this browser and will be sent again.` : "Trying again…"}`, true);
}

async function send() {
  if (sending) return;
  sending = true;
  try {
    for (let waiting = unsent(); waiting.length; waiting = unsent()) {
      const judgement = waiting[0];
      try {
        const told = await ask("/api/judgements", judgement);
        forget(judgement.key);
        counts(told.counts);
        ended();
        const before = told.conflict && (told.conflict.skipped ? "skipped" : JSON.stringify(told.conflict.label));
        say(before ? `This row had another answer of yours (${before}), given elsewhere. The new one counts.` : "Kept.");
      } catch (error) {
        if (error.status === undefined || error.status >= 500 || error.status === 401) throw error;
        forget(judgement.key); // it will never be accepted: say so, and give the row back
        say(`Not kept: ${error.message}`, true);
        wanted = judgement.row;
        ready = [];
        next();
      }
    }
  } catch (error) {
    sayFailed(error);
    setTimeout(send, AGAIN);
  } finally {
    sending = false;
  }
}

// Rows

async function more() {
  if (asking) {
    await asking;
    if (ready.length && !wanted) return true;
  }
  asking = fetchRows();
  try {
    return await asking;
  } finally {
    asking = null;
  }
}

// A reply may be older than a label that was written on this page since: that label stays among the choices.
function withAdded(told) {
  const added = told.adds && entry ? entry.choices.filter((label) => !told.choices.includes(label)) : [];
  return { ...told, choices: [...told.choices, ...added] };
}

async function fetchRows(again = true) {
  const [row, waiting] = [wanted, unsent().map((judgement) => judgement.row)];
  try {
    const holding = [...ready.map((item) => item.row), ...waiting];
    const told = await ask("/api/next", { page, most: AHEAD - ready.length || 1, holding, ...(row ? { row } : {}) });
    past.delete(row);
    if (row === wanted) wanted = "";
    const here = new Set([...waiting, ...ready.map((item) => item.row), ...past]);
    const fresh = told.items.filter((item) => item.row === row || !here.has(item.row));
    ready = row ? fresh : [...ready, ...fresh];
    entry = withAdded(told.entry);
    counts(told.counts);
    if (!ready.length && told.items.length && again) {
      past.clear(); // they were taken back on another page
      return fetchRows(false);
    }
    return true;
  } catch (error) {
    if (error.status !== undefined && error.status < 500) say(error.message, true);
    else {
      sayFailed(error);
      setTimeout(next, AGAIN);
    }
    return false;
  }
}

async function next() {
  if (!ready.length && !(await more())) return;
  show();
  if (ready.length && ready.length < AHEAD) more();
}

function counts(told) {
  byId("counts").textContent =
    `${told.labelled} by you, ${told.skipped} skipped. ${told.finished} of ${told.rows} rows finished.`;
  byId("bar").firstElementChild.style.setProperty("width", `${(100 * told.finished) / (told.rows || 1)}%`);
}

function show() {
  const item = ready[0];
  const away = !byId("skipping").hidden;
  byId("item").hidden = !item;
  byId("tools").hidden = false;
  byId("skip").hidden = byId("flag").hidden = !item;
  byId("done").hidden = Boolean(item);
  byId("skipping").hidden = true;
  if (!item) {
    ended();
    byId("done-title").focus();
    return;
  }
  byId("place").textContent = item.place;
  const texts = item.texts.map(({ name, text }) => {
    const box = element("div", "", { class: "text" });
    box.append(element("p", name, { class: "column" }), element("p", text || "(empty)", { class: "data", "data-column": name }));
    return box;
  });
  const images = item.images.map(({ name, source }) => {
    const box = element("div", "", { class: "text" });
    box.append(element("p", name, { class: "column" }), element("img", "", { src: source, alt: name }));
    return box;
  });
  byId("texts").replaceChildren(...texts, ...images);
  drawMarks(item);
  reading?.show(item.row, item.texts.map(({ text }) => text).join(" "));
  block("");
  keys = 0;
  flagged = false;
  byId("flag").setAttribute("aria-pressed", "false");
  value = entry.shape === "choices" ? [] : null;
  found = [];
  const draft = stored(DRAFTS, {})[item.row] ?? (item.before ? item.before.label : item.suggested?.label);
  byId("suggested").textContent = item.suggested ? `Suggested by ${item.suggested.by}. Look before you take it: Enter takes it.` : "";
  byId("entry").replaceChildren(...FORMS[entry.shape](draft));
  began = performance.now();
  if (away || document.activeElement === document.body) byId("main").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function ended() {
  const waiting = unsent().length;
  byId("done-title").textContent = waiting ? `Sending your last answers: ${waiting}` : "Nothing is left for you";
}

// Marks: the form of an image, a video or links, and what it holds, kept as a draft until it is sent

const marksDraft = (item) => `${item.row} marks`;

function drawMarks(item) {
  if (marks) marks.close();
  marks = null;
  byId("marks").replaceChildren();
  if (!item.marks) return;
  const before = stored(DRAFTS, {})[marksDraft(item)] ?? item.before?.marks ?? {};
  marks = window.tailorForms[item.marks.form](byId("marks"), { ...item.marks.given, ...before });
}

byId("marks").addEventListener("change", () => {
  if (marks && ready.length) localStorage.setItem(DRAFTS, JSON.stringify({ ...stored(DRAFTS, {}), [marksDraft(ready[0])]: marks.value() }));
});

const isMarked = () => Boolean(marks && (marks.value().regions.length || marks.value().links?.length));

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
  if (entry.shape === "choices") drawn.push(submitButton(entry.choices.length ? "None applies, or done" : "Done"));
  return drawn;
}

function choiceButton(label, place) {
  const button = element("button", "", { type: "button", "data-label": label, "aria-pressed": String(isChosen(label)) });
  if (place < 9) button.append(keyFor(button, place + 1), " ");
  button.append(label);
  button.addEventListener("click", () => choose(label));
  return button;
}

// The number that presses a button, as it stands on it; none where there are more than nine.
function keyFor(button, number = ++keys) {
  if (number > 9) return "";
  button.dataset.key = String(number);
  return element("kbd", String(number));
}

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
  block("");
}

function submitButton(text) {
  const button = element("button", `${text} `, { type: "submit", class: "main" });
  button.append(element("kbd", "Enter"));
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
  drawn.push(submitButton("Done"));
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
  box.append(element("p", "Select words in the text, then choose what they are.", { class: "hint" }));
  const types = element("div", "", { class: "choices", role: "group", "aria-label": "Types" });
  field.choices.forEach((type) => {
    const button = element("button", "", { type: "button", "data-type": type });
    button.append(keyFor(button), " ", type);
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

// What is done

function judged(more) {
  const item = ready.shift();
  past.add(item.row);
  const drafts = stored(DRAFTS, {});
  delete drafts[item.row];
  delete drafts[marksDraft(item)];
  localStorage.setItem(DRAFTS, JSON.stringify(drafts));
  const seconds = Math.round(performance.now() - began) / 1000;
  keep({ key: newKey(), row: item.row, seconds, replaces: item.before?.key ?? null, suggested: Boolean(item.suggested), ...(flagged ? { flagged: "look at it again" } : {}), ...more });
  send();
  next();
}

function submit(given) {
  if (!ready.length) return;
  let label = given;
  try {
    label ??= answer();
  } catch (error) {
    return block(error.message);
  }
  const empty = label === null || (entry.shape === "text" && given === undefined && !label.trim());
  if (empty && isMarked()) return judged({ marks: marks.value() }); // marks alone are an answer
  if (label === null) return block("Choose a label first: press its number, or click it.");
  if (entry.shape === "text" && given === undefined && !label.trim()) {
    byId("answer").focus();
    return block(entry.nothing ? `Write an answer first, or choose “${entry.nothing}”.` : "Write an answer first.");
  }
  judged({ label, ...(marks ? { marks: marks.value() } : {}), ...(byId("source")?.value ? { source: byId("source").value } : {}) });
}

async function undo() {
  const last = unsent().pop();
  if (last && !sending) {
    forget(last.key);
    wanted = last.row;
    say("Taken back.");
  } else {
    try {
      const told = await ask("/api/undo", { key: newKey() });
      if (!told.row) return say("There is nothing to take back.");
      wanted = told.row;
      if (told.label !== null && told.label !== undefined) {
        localStorage.setItem(DRAFTS, JSON.stringify({ ...stored(DRAFTS, {}), [told.row]: told.label }));
      }
      say("Taken back: your last answer does not count any more.");
    } catch (error) {
      return say(error.status === undefined ? "The server cannot be reached, so nothing was taken back." : error.message, true);
    }
  }
  ready = [];
  await next();
}

function openSkip(open) {
  byId("skipping").hidden = !open;
  byId("skip").setAttribute("aria-expanded", String(open));
  byId("why").value = "";
  (open ? byId("why") : byId("skip")).focus();
}

function toggleFlag() {
  flagged = !flagged;
  byId("flag").setAttribute("aria-pressed", String(flagged));
}

byId("undo").addEventListener("click", undo);
byId("skip").addEventListener("click", () => openSkip(true));
byId("back").addEventListener("click", () => openSkip(false));
byId("flag").addEventListener("click", toggleFlag);
byId("again").addEventListener("click", next);
byId("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
byId("skipping").addEventListener("submit", (event) => {
  event.preventDefault();
  judged({ skipped: byId("why").value.trim() || "no reason given" });
});

document.addEventListener("keydown", (event) => {
  const writing = ["INPUT", "TEXTAREA", "SELECT"].includes(document.activeElement?.tagName);
  if (event.isComposing) return;
  if (event.key === "Escape") {
    if (!byId("skipping").hidden) return openSkip(false);
    document.activeElement?.blur();
    return;
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    return submit();
  }
  if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !writing) {
    event.preventDefault();
    return undo();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || writing) return;
  const onButton = document.activeElement?.tagName === "BUTTON" || document.activeElement?.tagName === "A";
  if (event.key === "Enter" && !onButton && ready.length) {
    event.preventDefault();
    return submit();
  }
  if (/^[0-9]$/.test(event.key)) return number(Number(event.key), event);
  const keys = { u: undo, s: () => ready.length && openSkip(true), f: () => ready.length && toggleFlag(), "/": () => (byId("find") ?? byId("search"))?.focus() };
  const action = keys[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});

function number(place, event) {
  const button = place === 0 ? byId("nothing") : document.querySelector(`#entry [data-key="${place}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
}

if (byId("documents")) reading = window.tailorDocuments();
addEventListener("online", send);
addEventListener("beforeunload", (event) => {
  if (unsent().length) event.preventDefault(); // they stay in the browser, but the server does not have them yet
});
addEventListener("hashchange", () => {
  wanted = location.hash.slice(1);
  ready = [];
  next();
});
send();
next();
