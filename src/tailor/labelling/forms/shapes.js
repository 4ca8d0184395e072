// Boxes, polygons and points on an image, by mouse, touch and keyboard. Everything is drawn on one canvas, so that thousands of
// shapes stay quick; what is selected is also told in words. Coordinates are pixels of the image.
"use strict";
(() => {
  const COLOURS = ["#d1242f", "#0969da", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#0b7285", "#57606a", "#bc4c00"];
  const HANDLE = 6, NEAR = 10, LEAST = 2, MOST_UNDO = 500;
  const HELP =
    "Tab goes through the shapes, Escape lets go. Arrow keys move the selected shape, with Alt they resize it, with Shift by ten. " +
    "Delete removes it. Number keys give it a label. N adds a shape in the middle. V, B, P and O choose select, box, polygon and " +
    "point. In a polygon, square brackets choose a corner, A adds one, and D removes it. Plus, minus and 0 zoom. Control Z undoes.";

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const copy = (value) => JSON.parse(JSON.stringify(value));
  const round = (value) => Math.round(value * 100) / 100;

  function edges(shape) {
    if (shape.form === "box") return [shape.x, shape.y, shape.x + shape.width, shape.y + shape.height];
    if (shape.form === "point") return [shape.x, shape.y, shape.x, shape.y];
    const across = shape.points.map((place) => place[0]), down = shape.points.map((place) => place[1]);
    return [Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down)];
  }

  function moved(shape, across, down) {
    if (shape.points) return { ...shape, points: shape.points.map(([x, y]) => [round(x + across), round(y + down)]) };
    return { ...shape, x: round(shape.x + across), y: round(shape.y + down) };
  }

  function inside(shape, x, y, slack) {
    const [left, top, right, bottom] = edges(shape);
    if (x < left - slack || x > right + slack || y < top - slack || y > bottom + slack) return false;
    if (shape.form !== "polygon") return true;
    let odd = false;
    for (let at = 0, last = shape.points.length - 1; at < shape.points.length; last = at++) {
      const [ax, ay] = shape.points[at], [bx, by] = shape.points[last];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
      if (Math.hypot(ax - x, ay - y) <= slack) return true;
    }
    return odd;
  }

  // The editor knows no storage: whoever uses it gives what is shown, and is told of each change with what was before it.
  class ShapeEditor {
    constructor(host, given) {
      this.labels = given.labels;
      this.on = given.on || "image";
      this.shapes = copy(given.regions || []);
      this.changed = given.changed || (() => {});
      this.picked = given.picked || null;
      this.forms = given.forms || ["box", "polygon", "point"];
      this.tool = "select";
      this.label = this.labels[0] || "";
      this.selected = -1;
      this.corner = -1;
      this.done = [];
      this.undone = [];
      this.pointers = new Map();
      this.view = { scale: 1, x: 0, y: 0 };
      this.size = [1, 1];
      this.picture = null;
      this.build(host);
      this.resized = new ResizeObserver(() => this.fit());
      this.resized.observe(this.frame);
    }

    build(host) {
      this.bar = element("div", { class: "forms-bar", role: "toolbar", "aria-label": "Tools" });
      this.tools = {};
      for (const [tool, key] of [["select", "V"], ["box", "B"], ["polygon", "P"], ["point", "O"]]) {
        if (tool === "select" || this.forms.includes(tool)) this.tools[tool] = this.button(`${tool}`, key, () => this.use(tool));
      }
      this.button("delete", "Del", () => this.remove());
      this.button("undo", "Ctrl Z", () => this.undo());
      this.button("+", "", () => this.zoom(1.25), "zoom in");
      this.button("−", "", () => this.zoom(0.8), "zoom out");
      this.button("fit", "0", () => this.fit());
      this.names = element("div", { class: "forms-bar", role: "toolbar", "aria-label": "Labels" });
      this.labels.forEach((label, at) => {
        const button = element("button", { type: "button", "aria-pressed": "false" });
        if (at < 9) button.append(element("kbd", {}, String(at + 1)), " ");
        button.append(label);
        button.style.borderBottomColor = this.colour(label);
        button.addEventListener("click", () => { this.name(label); this.canvas.focus(); });
        this.names.append(button);
      });
      this.canvas = element("canvas", { tabindex: "0", role: "application", "aria-label": "Shapes on the image" });
      this.frame = element("div", { class: "forms-frame" }, this.canvas);
      this.status = element("p", { class: "forms-status", role: "status", "aria-live": "polite" });
      const help = element("p", { class: "forms-help" }, HELP);
      help.id = `forms-help-${Math.random().toString(36).slice(2)}`;
      this.canvas.setAttribute("aria-describedby", help.id);
      this.root = element("div", { class: "forms" }, this.names, this.bar, this.frame, this.status,
        element("details", {}, element("summary", {}, "Keys"), help));
      host.append(this.root);
      this.canvas.addEventListener("keydown", (event) => this.key(event));
      this.canvas.addEventListener("pointerdown", (event) => this.down(event));
      this.canvas.addEventListener("pointermove", (event) => this.move(event));
      for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, (event) => this.up(event));
      this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.canvas.addEventListener("focus", () => { this.released = false; this.draw(); });
      this.canvas.addEventListener("blur", () => this.draw());
      this.use("select");
      this.name(this.label, true);
    }

    button(text, key, action, spoken) {
      const made = element("button", { type: "button", "aria-pressed": "false" }, text);
      if (spoken) made.setAttribute("aria-label", spoken);
      if (key) made.append(" ", element("kbd", {}, key));
      made.addEventListener("click", () => { action(); this.canvas.focus(); });
      this.bar.append(made);
      return made;
    }

    colour(label) {
      return COLOURS[Math.max(0, this.labels.indexOf(label)) % COLOURS.length];
    }

    // What is looked at

    show(picture, width, height) {
      const first = this.picture === null || this.size[0] !== width;
      this.picture = picture;
      this.size = [width, height];
      if (first) this.fit();
      else this.draw();
    }

    fit() {
      const ratio = window.devicePixelRatio || 1, width = this.frame.clientWidth;
      if (!width || !this.picture) return;
      const height = Math.max(160, Math.min(window.innerHeight * 0.62, (width * this.size[1]) / this.size[0]));
      this.canvas.style.height = `${height}px`;
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      const scale = Math.min(width / this.size[0], height / this.size[1]);
      this.view = { scale, x: (width - this.size[0] * scale) / 2, y: (height - this.size[1] * scale) / 2 };
      this.draw();
    }

    zoom(factor, x, y) {
      const box = this.canvas.getBoundingClientRect();
      const across = x === undefined ? box.width / 2 : x, down = y === undefined ? box.height / 2 : y;
      const scale = Math.min(40, Math.max(0.02, this.view.scale * factor)), by = scale / this.view.scale;
      this.view = { scale, x: across - (across - this.view.x) * by, y: down - (down - this.view.y) * by };
      this.draw();
    }

    draw() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
    }

    paint() {
      const ratio = window.devicePixelRatio || 1, pen = this.canvas.getContext("2d"), { scale, x, y } = this.view;
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
      pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y);
      if (this.picture) pen.drawImage(this.picture, 0, 0, this.size[0], this.size[1]);
      const left = -x / scale, top = -y / scale;
      const right = left + this.canvas.width / ratio / scale, bottom = top + this.canvas.height / ratio / scale;
      const byColour = new Map();
      this.shapes.forEach((shape, at) => {
        if (at === this.selected) return;
        const [a, b, c, d] = edges(shape);
        if (c < left || a > right || d < top || b > bottom) return;
        const colour = this.colour(shape.labels[0]);
        if (!byColour.has(colour)) byColour.set(colour, new Path2D());
        this.trace(byColour.get(colour), shape, 4 / scale);
      });
      pen.lineWidth = 2 / scale;
      for (const [colour, path] of byColour) { pen.strokeStyle = colour; pen.stroke(path); }
      if (this.shapes[this.selected]) this.paintSelected(pen, scale);
      if (this.growing) this.paintGrowing(pen, scale);
    }

    trace(path, shape, dot) {
      if (shape.form === "box") path.rect(shape.x, shape.y, shape.width, shape.height);
      else if (shape.form === "point") { path.moveTo(shape.x + dot, shape.y); path.arc(shape.x, shape.y, dot, 0, 7); }
      else {
        shape.points.forEach(([x, y], at) => (at ? path.lineTo(x, y) : path.moveTo(x, y)));
        if (shape.form === "polygon") path.closePath();
      }
    }

    paintSelected(pen, scale) {
      const shape = this.shapes[this.selected], path = new Path2D(), colour = this.colour(shape.labels[0]);
      this.trace(path, shape, 6 / scale);
      pen.fillStyle = `${colour}33`;
      if (shape.form !== "polyline") pen.fill(path);
      pen.lineWidth = 5 / scale; pen.strokeStyle = "#ffffff"; pen.stroke(path);
      pen.lineWidth = 3 / scale; pen.strokeStyle = colour; pen.stroke(path);
      this.handles(shape).forEach(([x, y], at) => {
        pen.fillStyle = at === this.corner ? "#ffd33d" : "#ffffff";
        pen.fillRect(x - HANDLE / scale / 2, y - HANDLE / scale / 2, HANDLE / scale, HANDLE / scale);
        pen.lineWidth = 1 / scale; pen.strokeRect(x - HANDLE / scale / 2, y - HANDLE / scale / 2, HANDLE / scale, HANDLE / scale);
      });
      const [left, top] = edges(shape), words = shape.labels.join(", ");
      pen.font = `${14 / scale}px sans-serif`;
      const wide = pen.measureText(words).width + 8 / scale, above = Math.max(top, -this.view.y / scale + 22 / scale);
      pen.fillStyle = colour; pen.fillRect(left, above - 20 / scale, wide, 20 / scale);
      pen.fillStyle = "#ffffff"; pen.fillText(words, left + 4 / scale, above - 5 / scale);
    }

    paintGrowing(pen, scale) {
      const path = new Path2D();
      this.growing.points.forEach(([x, y], at) => (at ? path.lineTo(x, y) : path.moveTo(x, y)));
      pen.lineWidth = 2 / scale; pen.strokeStyle = this.colour(this.label); pen.stroke(path);
    }

    handles(shape) {
      if (shape.form === "point") return [];
      if (shape.points) return shape.points;
      const [left, top, right, bottom] = edges(shape);
      return [[left, top], [right, top], [right, bottom], [left, bottom]];
    }

    // What is done

    use(tool) {
      this.tool = tool;
      this.growing = null;
      for (const [name, button] of Object.entries(this.tools)) button.setAttribute("aria-pressed", String(name === tool));
      this.canvas.classList.toggle("forms-drawing", tool !== "select");
      this.draw();
    }

    name(label, first = false) {
      this.label = label;
      [...this.names.children].forEach((button, at) => button.setAttribute("aria-pressed", String(this.labels[at] === label)));
      const shape = this.shapes[this.selected];
      if (!first && shape && shape.labels[0] !== label) this.replace(this.selected, { ...shape, labels: [label] });
    }

    select(at, corner = -1) {
      this.selected = at;
      this.corner = corner;
      const shape = this.shapes[at];
      if (shape) {
        const [left, top, right, bottom] = edges(shape).map(Math.round);
        const place = shape.form === "point" ? `at ${left}, ${top}` : `from ${left}, ${top}, ${right - left} by ${bottom - top}`;
        this.status.textContent = `Shape ${at + 1} of ${this.shapes.length}: ${shape.labels.join(", ") || "no label"}, ${shape.form} ${place}`;
      } else this.status.textContent = `${this.shapes.length} shapes`;
      this.draw();
    }

    add(shape) {
      const made = { id: this.fresh(), on: this.on, labels: [this.label], ...shape };
      this.shapes.push(made);
      this.record({ at: this.shapes.length - 1, before: null, after: made });
      this.select(this.shapes.length - 1);
    }

    fresh() {
      let number = this.shapes.length + 1;
      const taken = new Set(this.shapes.map((shape) => shape.id));
      while (taken.has(`r${number}`)) number++;
      return `r${number}`;
    }

    replace(at, after) {
      const before = this.shapes[at];
      this.shapes[at] = after;
      this.record({ at, before, after });
      this.select(at, this.corner);
    }

    remove() {
      const at = this.selected;
      if (!this.shapes[at]) return;
      const [before] = this.shapes.splice(at, 1);
      this.record({ at, before, after: null });
      this.select(Math.min(at, this.shapes.length - 1));
    }

    record(step) {
      this.done.push(step);
      if (this.done.length > MOST_UNDO) this.done.shift();
      this.undone = [];
      this.changed(step);
    }

    undo(forward = false) {
      const step = (forward ? this.undone : this.done).pop();
      if (!step) return;
      (forward ? this.done : this.undone).push(step);
      const [was, is] = forward ? [step.before, step.after] : [step.after, step.before];
      if (!was) this.shapes.splice(step.at, 0, is);
      else if (!is) this.shapes.splice(step.at, 1);
      else this.shapes[step.at] = is;
      this.changed({ at: step.at, before: was, after: is });
      this.select(is ? step.at : Math.min(step.at, this.shapes.length - 1));
    }

    // Keys

    key(event) {
      const word = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (event.ctrlKey || event.metaKey) {
        if (word === "z") this.undo(event.shiftKey);
        else if (word === "y") this.undo(true);
        else return;
      } else if (word === "Tab") {
        if (!this.step(event.shiftKey ? -1 : 1)) return;
      } else if (word.startsWith("Arrow")) {
        if (!this.arrow(word, event)) return;
      } else if (!this.command(word)) return;
      event.preventDefault();
      event.stopPropagation();
    }

    step(way) {
      if (this.released || !this.shapes.length) { this.released = false; return false; }
      const next = this.selected < 0 && way < 0 ? this.shapes.length - 1 : this.selected + way;
      if (next < 0 || next >= this.shapes.length) { this.select(-1); return false; }
      this.select(next);
      this.reveal(this.shapes[next]);
      return true;
    }

    reveal(shape) {
      const [left, top, right, bottom] = edges(shape), { scale, x, y } = this.view, box = this.canvas.getBoundingClientRect();
      const a = left * scale + x, b = top * scale + y, c = right * scale + x, d = bottom * scale + y;
      if (c < 0 || a > box.width) this.view.x = box.width / 2 - ((left + right) / 2) * scale;
      if (d < 0 || b > box.height) this.view.y = box.height / 2 - ((top + bottom) / 2) * scale;
    }

    arrow(word, event) {
      const by = event.shiftKey ? 10 : 1;
      const across = word === "ArrowRight" ? by : word === "ArrowLeft" ? -by : 0;
      const down = word === "ArrowDown" ? by : word === "ArrowUp" ? -by : 0;
      const shape = this.shapes[this.selected];
      if (!shape) { this.view.x -= across * 20; this.view.y -= down * 20; this.draw(); return true; }
      if (shape.points && this.corner >= 0) {
        const points = shape.points.map(([x, y], at) => (at === this.corner ? [round(x + across), round(y + down)] : [x, y]));
        this.replace(this.selected, { ...shape, points });
      } else if (event.altKey && shape.form === "box") {
        const width = Math.max(LEAST, shape.width + across), height = Math.max(LEAST, shape.height + down);
        this.replace(this.selected, { ...shape, width: round(width), height: round(height) });
      } else this.replace(this.selected, moved(shape, across, down));
      return true;
    }

    command(word) {
      const shape = this.shapes[this.selected], tool = { v: "select", b: "box", p: "polygon", o: "point" }[word];
      if (tool && (tool === "select" || this.forms.includes(tool))) this.use(tool);
      else if (/^[1-9]$/.test(word) && this.labels[word - 1] !== undefined) this.name(this.labels[word - 1]);
      else if (word === "Delete" || word === "Backspace") this.remove();
      else if (word === "+" || word === "=") this.zoom(1.25);
      else if (word === "-") this.zoom(0.8);
      else if (word === "0") this.fit();
      else if (word === "n") this.middle();
      else if (word === "Enter" && this.growing) this.finish();
      else if (word === "Enter" && this.picked && shape) this.picked(shape);
      else if (word === "Escape") { this.released = true; this.growing = null; this.use("select"); this.select(-1); }
      else if (shape && shape.points && (word === "]" || word === "[")) {
        const count = shape.points.length;
        this.select(this.selected, (this.corner + (word === "]" ? 1 : count - 1) + (this.corner < 0 && word === "[" ? 1 : 0)) % count);
      } else if (shape && shape.points && this.corner >= 0 && word === "a") {
        const points = shape.points.slice(), [x, y] = points[this.corner], [u, v] = points[(this.corner + 1) % points.length];
        points.splice(this.corner + 1, 0, [round((x + u) / 2), round((y + v) / 2)]);
        this.replace(this.selected, { ...shape, points });
      } else if (shape && shape.points && this.corner >= 0 && word === "d" && shape.points.length > 3) {
        const points = shape.points.filter((_, at) => at !== this.corner);
        this.corner = -1;
        this.replace(this.selected, { ...shape, points });
      } else return false;
      if (word !== "Escape") this.released = false;
      return true;
    }

    middle() {
      const box = this.canvas.getBoundingClientRect(), { scale } = this.view;
      const x = round(Math.min(this.size[0] - LEAST, Math.max(0, (box.width / 2 - this.view.x) / scale)));
      const y = round(Math.min(this.size[1] - LEAST, Math.max(0, (box.height / 2 - this.view.y) / scale)));
      const half = round(Math.max(LEAST, Math.min(box.width, box.height) / scale / 10));
      const form = this.tool === "select" ? this.forms[0] : this.tool;
      if (form === "point") this.add({ form, x, y });
      else if (form === "polygon") this.add({ form, points: [[x, round(y - half)], [round(x + half), round(y + half)], [round(x - half), round(y + half)]] });
      else this.add({ form: "box", x: round(x - half), y: round(y - half), width: 2 * half, height: 2 * half });
    }

    // Mouse and touch

    place(event) {
      const box = this.canvas.getBoundingClientRect(), { scale, x, y } = this.view;
      return [(event.clientX - box.left - x) / scale, (event.clientY - box.top - y) / scale];
    }

    hit(x, y) {
      const slack = NEAR / this.view.scale;
      let best = -1, size = Infinity;
      this.shapes.forEach((shape, at) => {
        if (!inside(shape, x, y, shape.form === "point" ? slack : 2 / this.view.scale)) return;
        const [left, top, right, bottom] = edges(shape), extent = (right - left) * (bottom - top);
        if (extent <= size) { best = at; size = extent; }
      });
      return best;
    }

    down(event) {
      this.canvas.setPointerCapture(event.pointerId);
      this.canvas.focus();
      this.released = false;
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
      if (this.pointers.size > 1) { this.drag = { kind: "pinch", ...this.pinch() }; return; }
      const [x, y] = this.place(event).map(round);
      if (this.tool === "point") { this.add({ form: "point", x, y }); return; }
      if (this.tool === "polygon") { this.grow(x, y); return; }
      if (this.tool === "box") { this.drag = { kind: "box", x, y }; return; }
      const shape = this.shapes[this.selected], slack = NEAR / this.view.scale;
      const corner = shape ? this.handles(shape).findIndex(([a, b]) => Math.hypot(a - x, b - y) <= slack) : -1;
      if (corner >= 0) { this.select(this.selected, corner); this.drag = { kind: "corner", corner, before: shape }; return; }
      const at = this.hit(x, y);
      if (at >= 0 && this.picked && this.picked(this.shapes[at])) { this.select(at); return; }
      this.select(at);
      this.drag = at >= 0 ? { kind: "move", x, y, before: this.shapes[at] } : { kind: "pan", x: event.clientX - this.view.x, y: event.clientY - this.view.y };
    }

    pinch() {
      const [[ax, ay], [bx, by]] = [...this.pointers.values()];
      return { apart: Math.hypot(ax - bx, ay - by), x: (ax + bx) / 2, y: (ay + by) / 2 };
    }

    move(event) {
      if (!this.pointers.has(event.pointerId)) return;
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
      if (!this.drag) return;
      const [x, y] = this.place(event);
      if (this.drag.kind === "pinch" && this.pointers.size > 1) {
        const now = this.pinch(), box = this.canvas.getBoundingClientRect();
        this.view.x += now.x - this.drag.x;
        this.view.y += now.y - this.drag.y;
        this.zoom(now.apart / this.drag.apart, now.x - box.left, now.y - box.top);
        Object.assign(this.drag, now);
      } else if (this.drag.kind === "pan") { this.view.x = event.clientX - this.drag.x; this.view.y = event.clientY - this.drag.y; }
      else if (this.drag.kind === "move") this.shapes[this.selected] = moved(this.drag.before, x - this.drag.x, y - this.drag.y);
      else if (this.drag.kind === "corner") this.shapes[this.selected] = this.pulled(this.drag.before, this.drag.corner, x, y);
      else if (this.drag.kind === "box") this.growing = { points: this.ring(x, y) };
      this.draw();
    }

    ring(x, y) {
      const { x: a, y: b } = this.drag;
      return [[a, b], [x, b], [x, y], [a, y], [a, b]];
    }

    pulled(shape, corner, x, y) {
      if (shape.points) return { ...shape, points: shape.points.map((place, at) => (at === corner ? [round(x), round(y)] : place)) };
      const [a, b] = this.handles(shape)[(corner + 2) % 4];
      return { ...shape, x: round(Math.min(a, x)), y: round(Math.min(b, y)), width: round(Math.max(LEAST, Math.abs(x - a))), height: round(Math.max(LEAST, Math.abs(y - b))) };
    }

    up(event) {
      this.pointers.delete(event.pointerId);
      const drag = this.drag;
      if (!drag || (drag.kind === "pinch" && this.pointers.size)) return;
      this.drag = null;
      if (drag.kind === "box") {
        const [x, y] = this.place(event);
        this.growing = null;
        const width = round(Math.abs(x - drag.x)), height = round(Math.abs(y - drag.y));
        if (event.type === "pointerup" && width >= LEAST && height >= LEAST) this.add({ form: "box", x: round(Math.min(x, drag.x)), y: round(Math.min(y, drag.y)), width, height });
      } else if (drag.before && this.shapes[this.selected] !== drag.before) {
        const after = this.shapes[this.selected];
        this.shapes[this.selected] = drag.before;
        this.replace(this.selected, after);
      }
      this.draw();
    }

    grow(x, y) {
      const first = this.growing && this.growing.points[0];
      if (first && this.growing.points.length > 2 && Math.hypot(first[0] - x, first[1] - y) <= NEAR / this.view.scale) { this.finish(); return; }
      this.growing = { points: [...(this.growing ? this.growing.points : []), [x, y]] };
      this.status.textContent = `${this.growing.points.length} corners; Enter, or the first corner again, closes the polygon`;
      this.draw();
    }

    finish() {
      const { points } = this.growing;
      this.growing = null;
      if (points.length > 2) this.add({ form: "polygon", points });
      this.draw();
    }

    wheel(event) {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = this.canvas.getBoundingClientRect();
      this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX - box.left, event.clientY - box.top);
    }

    set(shapes) {
      this.shapes = shapes;
      this.select(Math.min(this.selected, shapes.length - 1));
    }

    close() {
      this.resized.disconnect();
      cancelAnimationFrame(this.waiting);
      this.root.remove();
    }
  }

  function load(source) {
    return new Promise((done, failed) => {
      const picture = new Image();
      picture.onload = () => done(picture);
      picture.onerror = () => failed(new Error("The image cannot be shown."));
      picture.src = source;
    });
  }

  // given: { source, labels, on, regions }
  function image(host, given) {
    const changed = () => host.dispatchEvent(new CustomEvent("change", { bubbles: true }));
    const editor = new ShapeEditor(host, { ...given, changed });
    const ready = load(given.source).then(
      (picture) => editor.show(picture, picture.naturalWidth, picture.naturalHeight),
      (error) => { editor.status.textContent = error.message; },
    );
    return { editor, ready, value: () => ({ regions: copy(editor.shapes) }), close: () => editor.close() };
  }

  window.tailorForms = { ...(window.tailorForms || {}), image };
  window.tailorShapes = { ShapeEditor, element, copy, load, round };
})();
