// Phrases of a text, what each is, and relations between two of them.
"use strict";
(() => {
  const { element, copy } = window.tailorShapes;
  const { PhraseText } = window.tailorPhrases;
  const HELP =
    "In the text: left and right arrow go from word to word, with Shift they take more words, and the number of a type makes a " +
    "phrase of them. On a phrase: F makes a relation go from it, T to it, Delete removes it. Then a number chooses the relation.";

  class RelationsForm {
    constructor(host, given) {
      this.host = host;
      this.on = given.textOn;
      this.labels = given.labels;
      this.names = given.relations;
      this.text = new PhraseText(given.text, (event) => this.typed(event));
      this.phrases = this.text.taken(copy(given.regions || []));
      this.links = copy(given.links || []);
      this.ends = [null, null]; // the phrases of the next relation
      this.root = element("div", { class: "forms" });
      this.types = this.bar("Types", this.labels, (label) => this.phrase(label));
      this.list = element("ul", { class: "forms-phrases", "aria-label": "Phrases" });
      this.next = element("p", { class: "forms-status", role: "status" });
      this.relations = this.bar("Relations", this.names, (name) => this.relate(name));
      this.drawn = element("ul", { class: "forms-phrases", "aria-label": "Relations between phrases" });
      this.root.append(this.text.element, this.types, this.list, this.next, this.relations, this.drawn);
      this.root.append(element("details", {}, element("summary", {}, "Keys for phrases and relations"), element("p", {}, HELP)));
      this.relations.addEventListener("keydown", (event) => this.numbered(event, this.names, (name) => this.relate(name)));
      host.append(this.root);
      this.draw();
      this.ready = Promise.resolve();
    }

    bar(title, names, choose) {
      const bar = element("div", { class: "forms-bar", role: "group", "aria-label": title });
      names.forEach((name, place) => {
        const button = element("button", { type: "button" }, ...(place < 9 ? [element("kbd", {}, String(place + 1)), " "] : []), name);
        button.addEventListener("mousedown", (event) => event.preventDefault()); // else the selection would go
        button.addEventListener("click", () => choose(name));
        bar.append(button);
      });
      return bar;
    }

    typed(event) {
      const label = /^[1-9]$/.test(event.key) ? this.labels[Number(event.key) - 1] : null;
      if (!label || event.ctrlKey || event.metaKey || event.altKey) return false;
      this.phrase(label);
      return true;
    }

    numbered(event, names, choose) {
      const name = /^[1-9]$/.test(event.key) ? names[Number(event.key) - 1] : null;
      if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      choose(name);
    }

    phrase(label) {
      const chosen = this.text.chosen();
      if (!chosen) return;
      const [start, end] = chosen;
      let made = this.phrases.find((phrase) => phrase.start === start && phrase.end === end);
      if (made) made.labels = [label];
      else {
        made = { id: this.text.freeId(), on: this.on, form: "span", labels: [label], start, end };
        this.phrases = [...this.phrases, made].sort((a, b) => a.start - b.start);
      }
      this.changed();
    }

    end(place, phrase) {
      this.ends[place] = this.ends[place] === phrase ? null : phrase;
      if (this.ends[1 - place] === phrase) this.ends[1 - place] = null;
      this.draw();
      const whole = this.ends[0] && this.ends[1];
      (whole ? this.relations.querySelector("button") : this.line(phrase, place))?.focus();
    }

    relate(name) {
      const [first, second] = this.ends;
      if (!first || !second) {
        this.next.textContent = "Choose in the list above from which phrase the relation goes, and to which.";
        return;
      }
      if (!this.links.some((link) => link.from === first.id && link.to[0] === second.id && link.label === name)) {
        this.links.push({ from: first.id, to: [second.id], state: "located", label: name });
      }
      this.ends = [null, null];
      this.changed();
      this.line(second, 0)?.focus();
    }

    remove(phrase) {
      this.phrases = this.phrases.filter((one) => one !== phrase);
      this.links = this.links.filter((link) => link.from !== phrase.id && !link.to.includes(phrase.id));
      this.ends = this.ends.map((one) => (one === phrase ? null : one));
      this.changed();
      this.text.element.focus();
    }

    line(phrase, place) {
      return this.list.querySelectorAll(`[data-phrase="${CSS.escape(phrase.id)}"] button`)[place];
    }

    draw() {
      this.text.draw(this.phrases);
      this.list.replaceChildren(...this.phrases.map((phrase) => this.phraseLine(phrase)));
      const [first, second] = this.ends;
      this.relations.hidden = this.phrases.length < 2;
      this.next.textContent = this.phrases.length < 2 ? "" : `Relation: ${first ? `“${this.text.said(first)}”` : "from which phrase?"} → ${second ? `“${this.text.said(second)}”` : "to which phrase?"}`;
      const by = new Map(this.phrases.map((phrase) => [phrase.id, phrase]));
      this.drawn.replaceChildren(...this.links.map((link) => {
        const told = `${this.text.said(by.get(link.from))} – ${link.label} – ${link.to.map((id) => this.text.said(by.get(id))).join(", ")}`;
        const remove = element("button", { type: "button", "aria-label": `remove ${told}` }, "remove");
        remove.addEventListener("click", () => { this.links = this.links.filter((one) => one !== link); this.changed(); });
        return element("li", {}, element("q", {}, told), remove);
      }));
    }

    phraseLine(phrase) {
      const line = element("li", { "data-phrase": phrase.id }, element("q", {}, this.text.said(phrase)), ` ${phrase.labels.join(", ")} `);
      ["from", "to"].forEach((words, place) => {
        const button = element("button", { type: "button", "aria-pressed": String(this.ends[place] === phrase) }, `${words} `, element("kbd", {}, "FT"[place]));
        button.addEventListener("click", () => this.end(place, phrase));
        line.append(button);
      });
      return this.text.endLine(line, phrase, { f: () => this.end(0, phrase), t: () => this.end(1, phrase) }, () => this.remove(phrase));
    }

    changed() {
      this.draw();
      this.host.dispatchEvent(new CustomEvent("change", { bubbles: true }));
    }

    value() {
      return { regions: this.phrases.map((phrase) => this.text.given(phrase)), links: copy(this.links) };
    }

    close() {
      this.root.remove();
    }
  }

  // given: { text, textOn, labels, relations, regions, links }
  window.tailorForms.relations = (host, given) => new RelationsForm(host, given);
})();
