// A text of which words are chosen, by keyboard or by mouse: what the forms for phrases share.
// Places in the text are characters (code points) outside the forms, and UTF-16 units inside them, as browsers count.
"use strict";
(() => {
  const { element } = window.tailorShapes;
  const outside = (text, unit) => Array.from(text.slice(0, unit)).length;
  const within = (text, place) => Array.from(text).slice(0, place).join("").length;

  class PhraseText {
    constructor(text, key) {
      this.text = text;
      this.word = [0, 0];
      this.words = [...text.matchAll(/[\p{L}\p{N}_'’-]+|[^\s]/gu)].map((match) => [match.index, match.index + match[0].length]);
      this.element = element("p", { class: "forms-text", tabindex: "0", role: "group", "aria-label": "Text with phrases" });
      this.phrases = [];
      this.element.addEventListener("keydown", (event) => {
        if (!this.step(event) && !key(event)) return;
        event.preventDefault();
        event.stopPropagation();
      });
    }

    step(event) {
      if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return false;
      const end = Math.max(0, Math.min(this.words.length - 1, this.word[1] + (event.key === "ArrowRight" ? 1 : -1)));
      this.word = event.shiftKey ? [this.word[0], end] : [end, end];
      this.draw(this.phrases);
      return true;
    }

    // What is selected with the mouse comes first, then the words that the keys chose.
    chosen() {
      const chosen = this.selection() || this.chosenWords();
      window.getSelection().removeAllRanges();
      return chosen;
    }

    chosenWords() {
      const [first, last] = [Math.min(...this.word), Math.max(...this.word)];
      return this.words.length ? [this.words[first][0], this.words[last][1]] : null;
    }

    selection() {
      const found = window.getSelection();
      if (!found.rangeCount || found.isCollapsed || !this.element.contains(found.anchorNode) || !this.element.contains(found.focusNode)) return null;
      const range = found.getRangeAt(0), before = document.createRange();
      before.selectNodeContents(this.element);
      before.setEnd(range.startContainer, range.startOffset);
      let start = before.toString().length, end = start + range.toString().length;
      while (start < end && /\s/.test(this.text[start])) start++;
      while (end > start && /\s/.test(this.text[end - 1])) end--;
      return end > start ? [start, end] : null;
    }

    said(phrase) {
      return this.text.slice(phrase.start, phrase.end);
    }

    taken(regions) {
      return regions.filter((region) => region.form === "span").map((region) => {
        return { ...region, start: within(this.text, region.start), end: within(this.text, region.end) };
      });
    }

    given(phrase) {
      return { ...phrase, start: outside(this.text, phrase.start), end: outside(this.text, phrase.end), text: this.said(phrase) };
    }

    freeId() {
      const taken = new Set(this.phrases.map((phrase) => phrase.id));
      let number = 1;
      while (taken.has(`p${number}`)) number++;
      return `p${number}`;
    }

    // What every line of a phrase ends with: a button that removes it, and keys for that and for what else is done with it.
    endLine(line, phrase, actions, remove) {
      const button = element("button", { type: "button", "aria-label": `remove ${this.said(phrase)}` }, "remove");
      button.addEventListener("click", remove);
      line.append(button);
      line.addEventListener("keydown", (event) => {
        const action = event.key === "Delete" ? remove : actions[event.key.toLowerCase()];
        if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
        action();
        event.preventDefault();
        event.stopPropagation();
      });
      return line;
    }

    draw(phrases) {
      this.phrases = phrases;
      const chosen = this.chosenWords() || [0, 0], cuts = new Set([0, this.text.length, ...chosen]);
      for (const phrase of phrases) { cuts.add(phrase.start); cuts.add(phrase.end); }
      const places = [...cuts].sort((a, b) => a - b);
      this.element.replaceChildren(...places.slice(1).map((end, number) => {
        const start = places[number], held = phrases.some((phrase) => phrase.start <= start && end <= phrase.end);
        const piece = element(held ? "mark" : "span", {}, this.text.slice(start, end));
        if (chosen[0] <= start && end <= chosen[1]) piece.className = "forms-at";
        return piece;
      }));
    }
  }

  window.tailorPhrases = { PhraseText };
})();
