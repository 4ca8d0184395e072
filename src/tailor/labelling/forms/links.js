// Links between phrases of a text and regions of an image. A phrase is located (it names one region or several), not present in the
// image, or not answered yet: three states, since "not shown" is an answer and an empty list is none.
"use strict";
(() => {
  const { ShapeEditor, element, copy, load } = window.tailorShapes;
  const { PhraseText } = window.tailorPhrases;
  const STATES = { located: "located", absent: "not present", unanswered: "not answered" };
  const HELP =
    "In the text: left and right arrow go from word to word, with Shift they take more words, Enter makes a phrase of them. " +
    "On a phrase: L lets you pick regions in the image (Enter or a click, Escape when done), N says not present, U not answered, " +
    "Delete removes it.";

  class LinksForm {
    constructor(host, given) {
      this.host = host;
      this.textOn = given.textOn || "text";
      this.imageOn = given.on || "image";
      const regions = copy(given.regions || []), links = new Map((given.links || []).map((link) => [link.from, link]));
      this.reading = new PhraseText(given.text, (event) => event.key === "Enter" && (this.phrase(), true));
      this.phrases = this.reading.taken(regions).map((region) => {
        const link = links.get(region.id) || { to: [], state: "unanswered" };
        return { ...region, to: [...link.to], state: link.state };
      });
      this.open = null;
      this.root = element("div", { class: "forms" });
      host.append(this.root);
      this.add = element("button", { type: "button" }, "add phrase ", element("kbd", {}, "Enter"));
      this.add.addEventListener("click", () => this.phrase());
      this.list = element("ul", { class: "forms-phrases", "aria-label": "Phrases" });
      this.root.append(this.reading.element, this.add, this.list);
      this.editor = new ShapeEditor(this.root, {
        labels: given.labels && given.labels.length ? given.labels : ["region"], on: this.imageOn,
        regions: regions.filter((region) => region.form !== "span"),
        changed: () => this.changed(), picked: (shape) => this.pick(shape),
      });
      this.root.append(element("details", {}, element("summary", {}, "Keys for phrases"), element("p", {}, HELP)));
      this.editor.canvas.addEventListener("keydown", (event) => { if (event.key === "Escape") this.stop(); }, true);
      this.draw();
      this.ready = load(given.source).then(
        (picture) => this.editor.show(picture, picture.naturalWidth, picture.naturalHeight),
        (error) => { this.editor.status.textContent = error.message; },
      );
    }

    phrase() {
      const chosen = this.reading.chosen();
      if (!chosen) return;
      const [start, end] = chosen, known = this.phrases.find((phrase) => phrase.start === start && phrase.end === end);
      const made = known || { id: this.reading.freeId(), on: this.textOn, form: "span", labels: ["phrase"], start, end, to: [], state: "unanswered" };
      if (!known) this.phrases.push(made);
      this.draw();
      this.changed();
      this.focus(made);
    }

    focus(phrase) {
      const button = this.list.querySelector(`[data-phrase="${CSS.escape(phrase.id)}"] button`);
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
        this.editor.status.textContent = `Pick what “${this.reading.said(phrase)}” is: click a region, or Tab to it and press Enter; Escape when done`;
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
      this.editor.status.textContent = `“${this.reading.said(phrase)}” is ${phrase.to.join(", ") || "not linked"}`;
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
      this.reading.element.focus();
    }

    draw() {
      this.reading.draw(this.phrases);
      this.list.replaceChildren(...this.phrases.map((phrase) => this.line(phrase)));
    }

    line(phrase) {
      const line = element("li", { "data-phrase": phrase.id }, element("q", {}, this.reading.said(phrase)));
      if (phrase === this.open) line.className = "forms-open";
      for (const [state, words] of Object.entries(STATES)) {
        const told = state === "located" && phrase.to.length ? `${words}: ${phrase.to.join(", ")}` : words;
        const button = element("button", { type: "button", "aria-pressed": String(phrase.state === state) }, told, " ", element("kbd", {}, { located: "L", absent: "N", unanswered: "U" }[state]));
        button.addEventListener("click", () => this.state(phrase, state));
        line.append(button);
      }
      const to = (state) => () => this.state(phrase, state);
      return this.reading.endLine(line, phrase, { l: to("located"), n: to("absent"), u: to("unanswered") }, () => this.remove(phrase));
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
      const spans = this.phrases.map(({ to, state, ...phrase }) => this.reading.given(phrase));
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
