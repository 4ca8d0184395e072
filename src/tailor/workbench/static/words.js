// Words of a text are selected by keyboard as with a mouse: arrows go from word to word, with Shift they take in more.
"use strict";
function wordKeys(box, name) {
  let at = null; // first and last of the words selected
  const words = () => [...box.textContent.matchAll(/[\p{L}\p{N}_'’-]+|[^\s]/gu)].map((word) => [word.index, word.index + word[0].length]);

  // Where a place of the text is among its pieces: marked words divide it.
  function within(place) {
    const pieces = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    let last = null;
    for (let left = place; (last = pieces.nextNode()); left -= last.length) if (left <= last.length) return [last, left];
    return [box, box.childNodes.length];
  }

  Object.entries({ tabindex: "0", role: "textbox", "aria-readonly": "true", "aria-multiline": "true", "aria-label": name }).forEach((one) => box.setAttribute(...one));
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const all = words();
    if (!step || !all.length || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const to = at ? Math.max(0, Math.min(all.length - 1, at[1] + step)) : step > 0 ? 0 : all.length - 1;
    at = [event.shiftKey && at ? at[0] : to, to];
    const range = document.createRange();
    range.setStart(...within(all[Math.min(...at)][0]));
    range.setEnd(...within(all[Math.max(...at)][1]));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  });
}
