// Links between phrases of a text and regions of an image. A phrase is located (it names one region or several), not present in the
// image, or not answered yet: three states, since "not shown" is an answer and an empty list is none.
// Places in the text are characters (code points) outside this script, and UTF-16 units inside it, as browsers count.
"use strict";
(() => {
  const { ShapeEditor, element, copy, load } = window.tailorShapes;
  const STATES = { located: "located", absent: "not present", unanswered: "not answered" };
  const HELP =
    "In the text: left and right arrow go from word to word, with Shift they take more words, Enter makes a phrase of them. " +
    "On a phrase: L lets you pick regions in the image (Enter or a click, Escape when done), N says not present, U not answered, " +
    "Delete removes it.";

  const outside = (text, unit) => Array.from(text.slice(0, unit)).length;
  const within = (text, place) => Array.from(text).slice(0, place).join("").length;

  class LinksForm {
    constructor(host, given) {
      this.host = host;
      this.text = given.text;
      this.textOn = given.textOn || "text";
      this.imageOn = given.on || "image";
      const regions = copy(given.regions || []), links = new Map((given.links || []).map((link) => [link.from, link]));
      this.phrases = regions.filter((region) => region.form === "span").map((region) => {
        const link = links.get(region.id) || { to: [], state: "unanswered" };
        return { ...region, start: within(this.text, region.start), end: within(this.text, region.end), to: [...link.to], state: link.state };
      });
      this.open = null;
      this.word = [0, 0];
      this.words = [...this.text.matchAll(/[\p{L}\p{N}_'’-]+|[^\s]/gu)].map((match) => [match.index, match.index + match[0].length]);
      this.root = element("div", { class: "forms" });
      host.append(this.root);
      this.reading = element("p", { class: "forms-text", tabindex: "0", role: "group", "aria-label": "Text with phrases" });
      this.add = element("button", { type: "button" }, "add phrase ", element("kbd", {}, "Enter"));
      this.add.addEventListener("click", () => this.phrase());
      this.list = element("ul", { class: "forms-phrases", "aria-label": "Phrases" });
      this.root.append(this.reading, this.add, this.list);
      this.editor = new ShapeEditor(this.root, {
        labels: given.labels && given.labels.length ? given.labels : ["region"], on: this.imageOn,
        regions: regions.filter((region) => region.form !== "span"),
        changed: () => this.changed(), picked: (shape) => this.pick(shape),
      });
      this.root.append(element("details", {}, element("summary", {}, "Keys for phrases"), element("p", {}, HELP)));
      this.editor.canvas.addEventListener("keydown", (event) => { if (event.key === "Escape") this.stop(); }, true);
      this.reading.addEventListener("keydown", (event) => this.key(event));
      this.draw();
      this.ready = load(given.source).then(
        (picture) => this.editor.show(picture, picture.naturalWidth, picture.naturalHeight),
        (error) => { this.editor.status.textContent = error.message; },
      );
    }

    key(event) {
      const last = this.words.length - 1;
      if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
        const end = Math.max(0, Math.min(last, this.word[1] + (event.key === "ArrowRight" ? 1 : -1)));
        this.word = event.shiftKey ? [this.word[0], end] : [end, end];
        this.draw();
      } else if (event.key === "Enter") this.phrase();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    // What is selected with the mouse comes first, then the words that the keys chose.
    phrase() {
      const chosen = this.selection() || this.chosenWords();
      if (!chosen) return;
      const [start, end] = chosen, known = this.phrases.find((phrase) => phrase.start === start && phrase.end === end);
      const taken = new Set(this.phrases.map((phrase) => phrase.id));
      let number = 1;
      while (taken.has(`p${number}`)) number++;
      const made = known || { id: `p${number}`, on: this.textOn, form: "span", labels: ["phrase"], start, end, to: [], state: "unanswered" };
      if (!known) this.phrases.push(made);
      window.getSelection().removeAllRanges();
      this.draw();
      this.changed();
      this.focus(made);
    }

    chosenWords() {
      const [first, last] = [Math.min(...this.word), Math.max(...this.word)];
      return this.words.length ? [this.words[first][0], this.words[last][1]] : null;
    }

    selection() {
      const found = window.getSelection();
      if (!found.rangeCount || found.isCollapsed || !this.reading.contains(found.anchorNode) || !this.reading.contains(found.focusNode)) return null;
      const range = found.getRangeAt(0), before = document.createRange();
      before.selectNodeContents(this.reading);
      before.setEnd(range.startContainer, range.startOffset);
      let start = before.toString().length, end = start + range.toString().length;
      while (start < end && /\s/.test(this.text[start])) start++;
      while (end > start && /\s/.test(this.text[end - 1])) end--;
      return end > start ? [start, end] : null;
    }

    focus(phrase) {
      const button = this.list.querySelector(`[data-phrase="${phrase.id}"] button`);
      if (button) button.focus();
    }

    state(phrase, state) {
      phrase.state = state;
      if (state !== "located") phrase.to = [];
      this.open = state === "located" ? phrase : null;
      if (state === "located" && !phrase.to.length) phrase.state = "unanswered";
      this.draw();
      this.changed();
      if (this.open) {
        this.editor.status.textContent = `Pick what “${this.said(phrase)}” is: click a region, or Tab to it and press Enter; Escape when done`;
        this.editor.canvas.focus();
      } else this.focus(phrase);
    }

    pick(shape) {
      const phrase = this.open;
      if (!phrase) return false;
      phrase.to = phrase.to.includes(shape.id) ? phrase.to.filter((one) => one !== shape.id) : [...phrase.to, shape.id];
      phrase.state = phrase.to.length ? "located" : "unanswered";
      this.draw();
      this.changed();
      this.editor.status.textContent = `“${this.said(phrase)}” is ${phrase.to.join(", ") || "not linked"}`;
      return true;
    }

    stop() {
      const phrase = this.open;
      this.open = null;
      this.draw();
      if (phrase) this.focus(phrase);
    }

    remove(phrase) {
      this.phrases = this.phrases.filter((one) => one !== phrase);
      if (this.open === phrase) this.open = null;
      this.draw();
      this.changed();
      this.reading.focus();
    }

    said(phrase) {
      return this.text.slice(phrase.start, phrase.end);
    }

    draw() {
      const chosen = this.chosenWords() || [0, 0], cuts = new Set([0, this.text.length, ...chosen]);
      for (const phrase of this.phrases) { cuts.add(phrase.start); cuts.add(phrase.end); }
      const places = [...cuts].sort((a, b) => a - b);
      this.reading.replaceChildren(...places.slice(1).map((end, number) => {
        const start = places[number], held = this.phrases.some((phrase) => phrase.start <= start && end <= phrase.end);
        const piece = element(held ? "mark" : "span", {}, this.text.slice(start, end));
        if (chosen[0] <= start && end <= chosen[1]) piece.className = "forms-at";
        return piece;
      }));
      this.list.replaceChildren(...this.phrases.map((phrase) => this.line(phrase)));
    }

    line(phrase) {
      const line = element("li", { "data-phrase": phrase.id }, element("q", {}, this.said(phrase)));
      if (phrase === this.open) line.className = "forms-open";
      for (const [state, words] of Object.entries(STATES)) {
        const told = state === "located" && phrase.to.length ? `${words}: ${phrase.to.join(", ")}` : words;
        const button = element("button", { type: "button", "aria-pressed": String(phrase.state === state) }, told, " ", element("kbd", {}, { located: "L", absent: "N", unanswered: "U" }[state]));
        button.addEventListener("click", () => this.state(phrase, state));
        line.append(button);
      }
      const remove = element("button", { type: "button", "aria-label": `remove ${this.said(phrase)}` }, "remove");
      remove.addEventListener("click", () => this.remove(phrase));
      line.append(remove);
      line.addEventListener("keydown", (event) => {
        const state = { l: "located", n: "absent", u: "unanswered" }[event.key.toLowerCase()];
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (state) this.state(phrase, state);
        else if (event.key === "Delete") this.remove(phrase);
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
      return line;
    }

    changed() {
      const there = new Set(this.editor ? this.editor.shapes.map((shape) => shape.id) : []);
      let dropped = false;
      for (const phrase of this.editor ? this.phrases : []) {
        const kept = phrase.to.filter((one) => there.has(one));
        dropped ||= kept.length < phrase.to.length;
        phrase.to = kept;
        if (phrase.state === "located" && !kept.length) phrase.state = "unanswered";
      }
      if (dropped) this.draw();
      this.host.dispatchEvent(new CustomEvent("change", { bubbles: true }));
    }

    value() {
      const spans = this.phrases.map(({ to, state, ...phrase }) => {
        return { ...phrase, start: outside(this.text, phrase.start), end: outside(this.text, phrase.end), text: this.said(phrase) };
      });
      const links = this.phrases.map((phrase) => ({ from: phrase.id, to: [...phrase.to], state: phrase.state, label: "refers to" }));
      return { regions: copy([...spans, ...this.editor.shapes]), links };
    }

    close() {
      this.editor.close();
      this.root.remove();
    }
  }

  // given: { text, textOn, source, labels, on, regions, links }
  window.tailorForms.links = (host, given) => new LinksForm(host, given);
})();
