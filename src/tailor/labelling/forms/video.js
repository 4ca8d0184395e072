// Classes on segments of time, and boxes on frames with interpolation between key frames. A video is a file that the browser plays,
// or a list of images, one for each frame. Frames count from 0. A box that is changed in a frame makes a key frame there.
"use strict";
(() => {
  const { ShapeEditor, element, copy, load, round } = window.tailorShapes;
  const HELP =
    "Comma and full stop step one frame, with Shift ten. Space plays. I begins a segment with the chosen label at this frame, " +
    "U ends it. X says that the selected track is gone behind this frame. K removes its key frame here.";
  const SIDES = ["x", "y", "width", "height"];

  // Where a track is in a frame: null where it is not. The same rule as Track.at of tailor.labelling.marks.
  function at(frames, frame) {
    let before = null, after = null;
    for (const key of frames) {
      if (key.frame <= frame && (!before || key.frame > before.frame)) before = key;
      if (key.frame > frame && (!after || key.frame < after.frame)) after = key;
    }
    if (!before || (before.frame < frame && before.goes_on === false)) return null;
    if (!after || before.frame === frame) return before;
    const share = (frame - before.frame) / (after.frame - before.frame), made = { form: before.form };
    if (before.form !== after.form || before.points) return before;
    for (const side of before.form === "box" ? SIDES : ["x", "y"]) made[side] = before[side] + (after[side] - before[side]) * share;
    return made;
  }

  class VideoForm {
    constructor(host, given) {
      this.host = host;
      this.on = given.on || "video";
      this.rate = given.rate || 25;
      this.tracks = copy((given.regions || []).filter((region) => region.form === "track"));
      this.segments = copy((given.regions || []).filter((region) => region.form === "segment"));
      this.others = copy((given.regions || []).filter((region) => !["track", "segment"].includes(region.form)));
      this.frame = 0;
      this.begun = null;
      const root = element("div", { class: "forms" });
      host.append(root);
      this.root = root;
      this.editor = new ShapeEditor(root, { labels: given.labels, on: this.on, forms: ["box", "point"], changed: (step) => this.drawn(step) });
      this.editor.canvas.setAttribute("aria-label", "Shapes on the frame");
      this.bar = element("div", { class: "forms-bar", role: "toolbar", "aria-label": "Time" });
      for (const [text, key, action, spoken] of [
        ["‹", ",", () => this.go(this.frame - 1), "frame before"], ["›", ".", () => this.go(this.frame + 1), "next frame"],
        ["play", "Space", () => this.play()], ["begin segment", "I", () => this.begin()], ["end segment", "U", () => this.end()],
        ["gone from here", "X", () => this.gone()], ["remove key frame", "K", () => this.unkey()],
      ]) {
        const button = element("button", { type: "button" }, text, " ", element("kbd", {}, key));
        if (spoken) button.setAttribute("aria-label", `${spoken} (${key})`);
        button.addEventListener("click", action);
        this.bar.append(button);
      }
      this.time = element("input", { type: "range", min: "0", value: "0", step: "1", "aria-label": "Frame", class: "forms-slider" });
      this.time.addEventListener("input", () => this.go(Number(this.time.value)));
      this.line = element("canvas", { class: "forms-time", "aria-hidden": "true" });
      this.line.addEventListener("pointerdown", (event) => this.go(Math.floor((event.offsetX / this.line.clientWidth) * this.count)));
      this.list = element("ul", { class: "forms-phrases", "aria-label": "Segments" });
      root.append(this.bar, this.time, this.line, this.list,
        element("details", {}, element("summary", {}, "Keys for time"), element("p", {}, HELP)));
      root.addEventListener("keydown", (event) => this.key(event));
      this.ready = given.frames ? this.openFrames(given.frames) : this.openVideo(given.source);
    }

    async openFrames(frames) {
      this.pictures = new Map();
      this.picture = async (frame) => {
        if (!this.pictures.has(frame)) this.pictures.set(frame, load(frames[frame]));
        return this.pictures.get(frame);
      };
      const first = await this.picture(0);
      this.opened(frames.length, first.naturalWidth, first.naturalHeight);
      await this.go(0);
    }

    openVideo(source) {
      const video = element("video", { preload: "auto", playsinline: "", muted: "" });
      video.muted = true;
      this.video = video;
      return new Promise((done) => {
        video.addEventListener("error", () => { this.editor.status.textContent = "The video cannot be shown."; done(); });
        video.addEventListener("loadeddata", async () => {
          if (this.count) return;
          this.picture = (frame) => new Promise((seen) => {
            const wanted = (frame + 0.5) / this.rate;
            if (Math.abs(video.currentTime - wanted) < 0.25 / this.rate) { seen(video); return; }
            video.addEventListener("seeked", () => seen(video), { once: true });
            video.currentTime = Math.min(wanted, length);
          });
          const length = await this.length(video);
          this.opened(Math.max(1, Math.round(length * this.rate)), video.videoWidth, video.videoHeight);
          await this.go(0);
          done();
        });
        video.src = source;
      });
    }

    // Seconds. Films that a browser recorded do not say how long they are: their end is looked for.
    async length(video) {
      if (Number.isFinite(video.duration)) return video.duration;
      await new Promise((there) => {
        video.addEventListener("seeked", there, { once: true });
        video.currentTime = 1e9;
      });
      return Number.isFinite(video.duration) ? video.duration : video.currentTime;
    }

    opened(count, width, height) {
      this.count = count;
      this.size = [width, height];
      this.time.max = String(count - 1);
      this.listed();
    }

    async go(frame) {
      if (!this.count) return;
      this.frame = Math.max(0, Math.min(this.count - 1, frame));
      const wanted = this.frame, picture = await this.picture(wanted);
      if (wanted !== this.frame) return;
      this.time.value = String(wanted);
      this.time.setAttribute("aria-valuetext", `frame ${wanted} of ${this.count}`);
      this.editor.show(picture, ...this.size);
      this.refresh();
    }

    // The shapes of a frame are those of the tracks that are there; the editor's place of a shape leads to its track.
    refresh() {
      const chosen = this.here && this.here[this.editor.selected];
      this.here = this.tracks.filter((track) => at(track.frames, this.frame));
      this.editor.done = [];
      this.editor.undone = [];
      this.editor.set(this.here.map((track) => ({ ...at(track.frames, this.frame), id: track.id, labels: track.labels })));
      this.editor.select(chosen ? this.here.indexOf(chosen) : -1);
      this.draw();
    }

    drawn({ at: place, before, after }) {
      if (!before) this.tracks.push({ id: this.fresh("t"), on: this.on, form: "track", labels: after.labels, frames: [this.keyed(after)] });
      else if (!after) this.tracks = this.tracks.filter((track) => track !== this.here[place]);
      else {
        const track = this.here[place], was = track.frames.find((key) => key.frame === this.frame);
        track.labels = after.labels;
        const goesOn = was ? was.goes_on !== false : true;
        track.frames = [...track.frames.filter((key) => key !== was), { ...this.keyed(after), goes_on: goesOn }].sort((a, b) => a.frame - b.frame);
      }
      const selected = this.editor.selected;
      this.here = this.tracks.filter((track) => at(track.frames, this.frame));
      if (!before) this.editor.shapes[selected].id = this.tracks[this.tracks.length - 1].id;
      this.changed();
    }

    keyed(shape) {
      const made = { frame: this.frame, goes_on: true, form: shape.form };
      for (const side of shape.form === "box" ? SIDES : ["x", "y"]) made[side] = round(shape[side]);
      return made;
    }

    fresh(letter) {
      const taken = new Set([...this.tracks, ...this.segments, ...this.others].map((region) => region.id));
      let number = 1;
      while (taken.has(`${letter}${number}`)) number++;
      return `${letter}${number}`;
    }

    selected() {
      return this.here && this.here[this.editor.selected];
    }

    gone() {
      const track = this.selected();
      if (!track) return;
      const place = at(track.frames, this.frame);
      track.frames = [...track.frames.filter((key) => key.frame !== this.frame), { ...this.keyed(place), goes_on: false }].sort((a, b) => a.frame - b.frame);
      this.changed();
      this.editor.status.textContent = `${track.labels.join(", ")} is gone behind frame ${this.frame}`;
    }

    unkey() {
      const track = this.selected();
      if (!track || track.frames.length < 2) return;
      track.frames = track.frames.filter((key) => key.frame !== this.frame);
      this.refresh();
      this.changed();
    }

    begin() {
      this.begun = { frame: this.frame, label: this.editor.label };
      this.editor.status.textContent = `${this.begun.label} begins at frame ${this.frame}; U ends it`;
      this.draw();
    }

    end() {
      if (!this.begun) return;
      const [start, end] = [Math.min(this.begun.frame, this.frame), Math.max(this.begun.frame, this.frame)];
      this.segments.push({ id: this.fresh("s"), on: this.on, form: "segment", unit: "frame", start, end, labels: [this.begun.label] });
      this.begun = null;
      this.listed();
      this.changed();
    }

    listed() {
      this.list.replaceChildren(...this.segments.map((segment) => {
        const go = element("button", { type: "button" }, `${segment.labels.join(", ")}: frames ${segment.start} to ${segment.end}`);
        go.addEventListener("click", () => this.go(segment.start));
        const remove = element("button", { type: "button", "aria-label": `remove ${segment.labels.join(", ")} from ${segment.start}` }, "remove");
        remove.addEventListener("click", () => { this.segments = this.segments.filter((one) => one !== segment); this.listed(); this.changed(); });
        return element("li", {}, go, remove);
      }));
      this.draw();
    }

    play() {
      this.playing = !this.playing;
      const step = async () => {
        if (!this.playing || this.frame >= this.count - 1) { this.playing = false; return; }
        await this.go(this.frame + 1);
        setTimeout(step, 1000 / this.rate);
      };
      if (this.playing) step();
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const word = event.key.toLowerCase(), far = event.shiftKey ? 10 : 1, onButton = event.target.tagName === "BUTTON";
      if (word === "," || word === ";") this.go(this.frame - far);
      else if (word === "." || word === ":") this.go(this.frame + far);
      else if (word === " " && !onButton) this.play();
      else if (word === "i") this.begin();
      else if (word === "u") this.end();
      else if (word === "x") this.gone();
      else if (word === "k") this.unkey();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    draw() {
      const pen = this.line.getContext("2d"), ratio = window.devicePixelRatio || 1;
      const width = (this.line.width = Math.round(this.line.clientWidth * ratio)), height = (this.line.height = Math.round(this.line.clientHeight * ratio));
      if (!this.count || !width) return;
      const across = (frame) => (frame / this.count) * width, one = Math.max(2, width / this.count), half = height / 2;
      for (const segment of this.segments) {
        pen.fillStyle = this.editor.colour(segment.labels[0]);
        pen.fillRect(across(segment.start), 4 * ratio, across(segment.end + 1) - across(segment.start), half - 8 * ratio);
      }
      const rows = Math.max(1, this.tracks.length), tall = Math.min(10 * ratio, (half - 4 * ratio) / rows);
      this.tracks.forEach((track, row) => {
        pen.fillStyle = this.editor.colour(track.labels[0]);
        const top = half + row * tall;
        for (let frame = 0; frame < this.count; frame++) if (at(track.frames, frame)) pen.fillRect(across(frame), top + tall / 3, one, Math.max(1, tall / 4));
        for (const key of track.frames) pen.fillRect(across(key.frame), top, Math.max(3 * ratio, one * 0.6), tall - ratio);
      });
      pen.fillStyle = getComputedStyle(this.line).color;
      pen.fillRect(across(this.frame), 0, 2 * ratio, height);
    }

    changed() {
      this.draw();
      this.host.dispatchEvent(new CustomEvent("change", { bubbles: true }));
    }

    value() {
      return { regions: copy([...this.tracks, ...this.segments, ...this.others]) };
    }

    close() {
      this.playing = false;
      this.editor.close();
      this.root.remove();
    }
  }

  // given: { source or frames, rate, labels, on, regions }
  window.tailorForms.video = (host, given) => new VideoForm(host, given);
  window.tailorTracks = { at };
})();
