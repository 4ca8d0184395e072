// Each action on an image form, twenty times: milliseconds until it is painted. Run in the page of a form.
const done = arguments[0], editor = form.editor, taken = {};
const painted = () => new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)));
const press = (key, more = {}) => editor.canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
const point = (kind, x, y) => editor.canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, clientX: x, clientY: y, bubbles: true }));
editor.canvas.setPointerCapture = () => {};
const place = (shape) => { const b = editor.canvas.getBoundingClientRect(), v = editor.view; return [b.left + (shape[0]) * v.scale + v.x, b.top + shape[1] * v.scale + v.y]; };
const actions = {
  select: (at) => press("Tab"), move: () => press("ArrowRight"), resize: () => press("ArrowDown", { altKey: true }), name: (at) => press(String(1 + at % 2)),
  add: () => press("n"), remove: () => press("Delete"), undo: () => press("z", { ctrlKey: true }), zoom: (at) => press(at % 2 ? "-" : "+"), value: () => form.value(),
  click: (at) => { const [x, y] = place([13 + 12 * at, 13]); point("pointerdown", x, y); point("pointerup", x, y); },
  drag: (at) => { const [x, y] = place([13, 13 + 9 * at]); point("pointerdown", x, y); point("pointermove", x + 5, y + 5); point("pointerup", x + 5, y + 5); },
};
(async () => {
  editor.canvas.focus();
  for (const [name, action] of Object.entries(actions)) {
    taken[name] = [];
    for (let at = 0; at < 20; at++) {
      await painted();
      const start = performance.now();
      action(at);
      const spent = performance.now() - start, frame = performance.now();
      if (editor.waiting) { cancelAnimationFrame(editor.waiting); editor.waiting = 0; editor.paint(); editor.canvas.getContext("2d").getImageData(0, 0, 1, 1); }
      taken[name].push(spent + performance.now() - frame);
    }
  }
  done(taken);
})();
