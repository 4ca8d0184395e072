// Answers are rated one at a time, or two side by side. Nothing says which system gave which.
"use strict";
const WORDS = { yes: "Yes", no: "No", A: "A is better", B: "B is better", tie: "Neither" };
const CHOICES = { rating: ["yes", "no"], better: ["A", "B", "tie"] };
const passed = []; // ids that were passed over on this page
let shown = null;
let said = {}; // by criterion
let began = 0;
let busy = false;

function say(text) {
  byId("said").textContent = text;
}

function box(name, text) {
  const made = element("div", "", { class: "text" });
  made.append(element("p", name, { class: "column" }), element("p", text || "(empty)", { class: "data" }));
  return made;
}

function button(text, number, press) {
  const made = element("button", "", { type: "button", "data-key": String(number) });
  made.append(element("kbd", String(number)), " ", text);
  made.addEventListener("click", press);
  return made;
}

async function next() {
  try {
    const told = await ask("/api/rate/next", { skip: passed });
    show(told);
  } catch (error) {
    say(error.status ? error.message : "The server cannot be reached. Trying again…");
    if (!error.status) setTimeout(next, 3000);
  }
}

function show(told) {
  shown = told.case;
  said = {};
  byId("counts").textContent = `${told.rated} of ${told.all} rated.`;
  byId("case").hidden = !shown;
  byId("done").hidden = Boolean(shown);
  if (!shown) return byId("done").focus();
  byId("asks").textContent = shown.about === "better" ? "Which answer is better?" : shown.criteria.length ? "What does the answer meet?" : "Does the answer meet this?";
  byId("rubric").textContent = shown.rubric;
  const letters = shown.answers.length > 1 ? ["Answer A", "Answer B"] : ["Answer"];
  const answers = element("div", "", { class: "answers" });
  answers.append(...shown.answers.map((text, place) => box(letters[place], text)));
  const reference = shown.reference ? [box("Right answer", shown.reference)] : [];
  byId("shown").replaceChildren(box("Question", shown.question), ...reference, answers);
  byId("ratings").replaceChildren(...(shown.criteria.length ? shown.criteria.map(criterion) : [choices(CHOICES[shown.about], 0, rate, "Rating")]));
  began = performance.now();
  byId("main").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function choices(all, before, press, name) {
  const group = element("div", "", { class: "choices", role: "group", "aria-label": name });
  group.append(...all.map((one, place) => button(WORDS[one], before + place + 1, () => press(one, group, place))));
  return group;
}

function criterion({ name, says }, place) {
  const field = element("div", "", { class: "field" });
  const pick = (one, group, at) => {
    said[name] = one;
    [...group.children].forEach((each, number) => each.setAttribute("aria-pressed", String(number === at)));
    if (Object.keys(said).length === shown.criteria.length) rate({ ...said });
  };
  field.append(element("p", says), choices(CHOICES.rating, 2 * place, pick, name));
  return field;
}

async function rate(what) {
  if (busy || !shown) return;
  busy = true;
  const seconds = Math.round(performance.now() - began) / 1000;
  shown.key ??= newKey(); // the same one when it is sent again
  try {
    await ask("/api/rate", { key: shown.key, id: shown.id, about: shown.about, said: what, seconds });
    say("Kept.");
    await next();
  } catch (error) {
    say(error.status ? `Not kept: ${error.message}` : "The server cannot be reached, and nothing was kept. Choose again.");
    if (error.status && error.status < 500) await next();
  } finally {
    busy = false;
  }
}

async function undo() {
  try {
    const told = await ask("/api/rate/undo", { key: newKey() });
    say(told.id ? "Taken back: your last rating does not count any more." : "There is nothing to take back.");
    if (told.id) await next();
  } catch (error) {
    say(error.status ? error.message : "The server cannot be reached, so nothing was taken back.");
  }
}

function skip() {
  if (!shown) return;
  passed.push(shown.id);
  next();
}

byId("undo").addEventListener("click", undo);
byId("skip").addEventListener("click", skip);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const pressed = /^[1-9]$/.test(event.key) ? document.querySelector(`#ratings [data-key="${event.key}"]`) : { u: byId("undo"), s: byId("skip") }[event.key.toLowerCase()];
  if (!pressed) return;
  event.preventDefault();
  pressed.click();
});
next();
