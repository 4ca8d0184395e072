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
let began = 0;
let flagged = false;
let marks = null; // the form in which images and video are marked, where the task has one
let sending = false;
let wanted = location.hash.slice(1); // a row that was asked for
const cameFrom = new URLSearchParams(location.search).get("settle"); // a page on which this row is to be settled
const settles = ["settle", "suspects"].includes(cameFrom) && location.hash.length > 1; // then what is said counts for all
let asking = null; // the rows that are on their way
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

function sayKept(judgement, told) {
  const before = told.conflict && (told.conflict.skipped ? "skipped" : `“${told.conflict.label}”`);
  if (before) say(`This row had another answer of yours (${before}), given elsewhere. The new one counts.`);
  else if (judgement.skipped) say(`Skipped: ${judgement.skipped}`);
  else say(entry.shape.startsWith("choice") ? `Kept: ${told.label}` : "Kept.");
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
        if (settles && judgement.role === "adjudicated") return location.replace(`/${cameFrom}`);
        sayKept(judgement, told);
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
    const told = await ask("/api/next", { page, most: AHEAD - ready.length || 1, holding, ...(row ? { row, settles } : {}) });
    past.delete(row);
    if (row === wanted) wanted = "";
    const here = new Set([...waiting, ...ready.map((item) => item.row), ...past]);
    const fresh = told.items.filter((item) => item.row === row || !here.has(item.row));
    ready = row ? fresh : [...ready, ...fresh];
    entry = withAdded(told.entry);
    counts(told.counts);
    byId("changed").hidden = told.guideline === meta("guideline-version");
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
    `${told.labelled} labelled by you, ${told.skipped} skipped. ${told.finished} of ${told.rows} rows finished.`;
  byId("bar").firstElementChild.style.setProperty("width", `${(100 * told.finished) / (told.rows || 1)}%`);
}

function show() {
  const item = ready[0];
  const away = !byId("skipping").hidden;
  byId("item").hidden = !item;
  byId("tools").hidden = settles;
  byId("return").hidden = !settles;
  if (settles) byId("return").firstElementChild.href = `/${cameFrom}`;
  byId("skip").hidden = byId("flag").hidden = !item;
  byId("done").hidden = Boolean(item);
  byId("skipping").hidden = true;
  if (!item) {
    ended();
    if (settles) say("This row is not in the data any more, or somebody else settles it.", true);
    byId("done-title").focus();
    return;
  }
  byId("place").textContent = item.place;
  const now = item.settled ? `Settled by ${item.settled.by}: ${item.settled.shown}.` : "";
  const means = settles ? "What you say here counts for everybody." : now && "What you say is kept, and does not change that.";
  byId("settled").textContent = `${now} ${means || ""}`.trim();
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
  if (entry.shape === "fields" || entry.source) for (const box of document.querySelectorAll("#texts .data")) wordKeys(box, box.dataset.column);
  drawMarks(item);
  reading?.show(item.row, item.texts.map(({ text }) => text).join(" "));
  block("");
  keys = 0;
  flagged = Boolean(item.before?.flagged);
  byId("flag").setAttribute("aria-pressed", String(flagged));
  value = entry.shape === "choices" ? [] : null;
  found = [];
  const said = settles && item.settled ? item.settled : item.before;
  const draft = stored(DRAFTS, {})[item.row] ?? (said ? said.label : item.suggested?.label);
  byId("suggested").textContent = item.suggested ? `Suggested by ${item.suggested.by}. Look before you take it: Enter takes it.` : "";
  byId("entry").replaceChildren(...FORMS[entry.shape](draft));
  began = performance.now();
  if (away || document.activeElement === document.body) byId("main").focus({ preventScroll: true });
  focusFirst();
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
  const before = stored(DRAFTS, {})[marksDraft(item)] ?? (settles && item.settled ? item.settled : item.before)?.marks ?? {};
  marks = window.tailorForms[item.marks.form](byId("marks"), { ...item.marks.given, ...before });
}

byId("marks").addEventListener("change", () => {
  if (marks && ready.length) localStorage.setItem(DRAFTS, JSON.stringify({ ...stored(DRAFTS, {}), [marksDraft(ready[0])]: marks.value() }));
});

const isMarked = () => Boolean(marks && (marks.value().regions.length || marks.value().links?.length));

// What is done

function judged(more) {
  const item = ready.shift();
  past.add(item.row);
  const drafts = stored(DRAFTS, {});
  delete drafts[item.row];
  delete drafts[marksDraft(item)];
  localStorage.setItem(DRAFTS, JSON.stringify(drafts));
  const seconds = Math.round(performance.now() - began) / 1000;
  keep({ key: newKey(), row: item.row, seconds, replaces: (settles ? item.settled : item.before)?.key ?? null, ...(settles ? { role: "adjudicated" } : {}), suggested: Boolean(item.suggested), ...(flagged ? { flagged: "look at it again" } : {}), ...more });
  send();
  if (!settles) next();
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
  const last = unsent().filter((judgement) => judgement.role !== "adjudicated").pop();
  if (last && !sending) {
    forget(last.key);
    wanted = last.row;
    say("Taken back: it had not been sent yet.");
  } else {
    try {
      const told = await ask("/api/undo", { key: newKey() });
      if (!told.row) return say("There is nothing to take back.");
      wanted = told.row;
      if (told.label !== null && told.label !== undefined) {
        localStorage.setItem(DRAFTS, JSON.stringify({ ...stored(DRAFTS, {}), [told.row]: told.label }));
      }
      const settled = told.settled ? ` ${told.settled.by} settled this row as “${told.settled.shown}”, which counts as before.` : "";
      say(`Taken back: your last answer does not count any more.${settled}`);
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

function toggleGuideline() {
  const guide = byId("guide");
  if (guide) guide.open = !guide.open;
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
  if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !writing && !settles) {
    event.preventDefault();
    return undo();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || writing) return;
  const onButton = ["BUTTON", "A", "SUMMARY"].includes(document.activeElement?.tagName);
  if (event.key === "Enter" && !onButton && ready.length) {
    event.preventDefault();
    return submit();
  }
  if (/^[0-9]$/.test(event.key)) return number(Number(event.key), event);
  const own = { u: undo, s: () => ready.length && openSkip(true), f: () => ready.length && toggleFlag() };
  const keys = { "/": () => (byId("find") ?? byId("search"))?.focus(), g: toggleGuideline, ...(settles ? {} : own) };
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
