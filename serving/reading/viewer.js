const $ = (query) => element.querySelector(query);
const stage = $(".stage"), canvas = $(".image"), marks = $(".marks"), controls = $(".controls");
const field = (name) => controls.querySelector(`[name="${name}"]`);
let shown = null, values = null, columns = 0, rows = 0, heat = null, mask = null, turn = 0;
let view = { zoom: 1, x: 0, y: 0 };

// The image's values: red holds the high byte, green the low one.
async function pixels(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const board = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = board.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

async function overlay(base64, paint) {
  const small = await pixels(base64);
  const source = new OffscreenCanvas(small.width, small.height);
  source.getContext("2d").putImageData(small, 0, 0);
  const board = new OffscreenCanvas(columns, rows), context = board.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, columns, rows);
  const data = context.getImageData(0, 0, columns, rows);
  for (let place = 0; place < data.data.length; place += 4) data.data.set(paint(data.data[place]), place);
  context.putImageData(data, 0, 0);
  return board;
}

async function take() {
  const mine = ++turn, picture = props.value;
  stage.classList.toggle("empty", !picture);
  controls.hidden = !picture;
  if (!picture) { shown = values = heat = mask = null; canvas.width = canvas.height = 0; marks.replaceChildren(); $(".reading").textContent = ""; return; }
  const anew = !shown || shown.png !== picture.png;
  if (anew) {
    const read = await pixels(picture.png);
    if (mine !== turn) return;
    columns = read.width; rows = read.height;
    values = new Float32Array(columns * rows);
    const step = (picture.high - picture.low) / 65535;
    for (let place = 0; place < values.length; place++) values[place] = picture.low + (read.data[4 * place] * 256 + read.data[4 * place + 1]) * step;
  }
  shown = picture;
  heat = picture.heat ? await overlay(picture.heat, (share) => [255, 140 - share / 2, 0, share]) : null;
  mask = picture.mask ? await overlay(picture.mask, (inside) => [61, 220, 132, inside ? 90 : 0]) : null;
  if (mine !== turn) return;
  if (anew) start();
  stage.setAttribute("aria-label", `Image of ${picture.columns} by ${picture.rows} pixels` + (heat ? `, heat map for ${picture.target}` : ""));
  stage.dataset.heat = heat ? picture.id : "";
  draw();
}

function start() {
  const range = Math.max(shown.high - shown.low, 1), step = range > 20 ? 1 : range / 200;
  Object.assign(field("center"), { min: shown.low, max: shown.high, step });
  Object.assign(field("width"), { min: step, max: Math.max(2 * range, shown.width), step });
  field("inverse").checked = shown.inverted;
  reset();
}

function reset() {
  field("center").value = shown.center;
  field("width").value = shown.width;
  field("zoom").value = 1;
  view = { zoom: 1, x: 0, y: 0 };
  draw();
}

function draw() {
  if (!values) return;
  const center = Number(field("center").value), width = Number(field("width").value), inverse = field("inverse").checked;
  canvas.width = columns; canvas.height = rows;
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows), low = center - width / 2;
  for (let place = 0; place < values.length; place++) {
    let grey = 255 * (values[place] - low) / width;
    if (inverse) grey = 255 - grey;
    image.data[4 * place] = image.data[4 * place + 1] = image.data[4 * place + 2] = grey;
    image.data[4 * place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  const show = field("show").checked, opacity = Number(field("opacity").value) / 100;
  context.globalAlpha = opacity;
  if (heat) context.drawImage(heat, 0, 0);
  context.globalAlpha = 1;
  if (mask && show) context.drawImage(mask, 0, 0);
  mark(show);
  say(center, width, opacity);
  place();
}

function mark(show) {
  marks.replaceChildren();
  marks.setAttribute("viewBox", `0 0 ${shown.columns} ${shown.rows}`);
  const add = (kind, members) => {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(members)) shape.setAttribute(name, value);
    marks.append(shape);
  };
  if (!show) return;
  for (const [x0, y0, x1, y1] of shown.boxes) add("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
  if (shown.point) add("circle", { cx: shown.point[0] + 0.5, cy: shown.point[1] + 0.5, r: Math.max(shown.columns, shown.rows) / 120 });
}

function say(center, width, opacity) {
  const unit = shown.unit ? " " + shown.unit : "", number = (value) => Math.abs(value) < 20 && value % 1 ? value.toFixed(2) : Math.round(value);
  const texts = { center: number(center) + unit, width: number(width) + unit, opacity: Math.round(100 * opacity) + "%", zoom: Number(field("zoom").value).toFixed(1) + "x" };
  for (const [name, text] of Object.entries(texts)) {
    field(name).parentElement.querySelector(".now").textContent = text;
    field(name).setAttribute("aria-valuetext", text);
  }
  field("opacity").disabled = !heat;
}

function place() {
  const box = stage.getBoundingClientRect(), fit = Math.min(box.width / shown.columns, box.height / shown.rows);
  const wide = shown.columns * fit, high = shown.rows * fit;
  const reach = (side, room) => Math.max(0, (side * view.zoom - room) / 2);
  view.x = Math.max(-reach(wide, box.width), Math.min(reach(wide, box.width), view.x));
  view.y = Math.max(-reach(high, box.height), Math.min(reach(high, box.height), view.y));
  for (const layer of [canvas, marks]) {
    layer.style.width = wide + "px"; layer.style.height = high + "px";
    layer.style.left = (box.width - wide) / 2 + "px"; layer.style.top = (box.height - high) / 2 + "px";
    layer.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
  }
}

function zoom(to) {
  const next = Math.max(1, Math.min(8, to));
  view.x *= next / view.zoom; view.y *= next / view.zoom;
  view.zoom = next;
  field("zoom").value = next;
  draw();
}

function probe(event) {
  const box = canvas.getBoundingClientRect(), x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
  if (!values || x < 0 || y < 0 || x >= 1 || y >= 1) { $(".reading").textContent = ""; return; }
  const value = values[Math.floor(y * rows) * columns + Math.floor(x * columns)];
  $(".reading").textContent = `column ${Math.floor(x * shown.columns)}, row ${Math.floor(y * shown.rows)}: ${Math.round(value)}${shown.unit ? " " + shown.unit : ""}`;
}

// One finger or the mouse moves the enlarged image; with Shift or the right button it sets window and level; two fingers zoom.
const touches = new Map();
stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); touches.set(event.pointerId, event); });
for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => touches.delete(event.pointerId));
stage.addEventListener("pointermove", (event) => {
  probe(event);
  const before = touches.get(event.pointerId);
  if (!before || !shown) return;
  const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
  if (touches.size === 2) {
    const [one, other] = [...touches.values()], apart = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    const rest = before === one ? other : one;
    zoom(view.zoom * apart(event, rest) / Math.max(1, apart(before, rest)));
  } else if (event.shiftKey || event.buttons === 2) {
    const range = (shown.high - shown.low) / 400;
    field("width").value = Number(field("width").value) + dx * range;
    field("center").value = Number(field("center").value) + dy * range;
    draw();
  } else {
    view.x += dx; view.y += dy;
    place();
  }
  touches.set(event.pointerId, event);
});
stage.addEventListener("contextmenu", (event) => event.preventDefault());
stage.addEventListener("wheel", (event) => { if (values) { event.preventDefault(); zoom(view.zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15)); } }, { passive: false });
stage.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [30, 0], ArrowRight: [-30, 0], ArrowUp: [0, 30], ArrowDown: [0, -30] };
  if (!values) return;
  if (event.key === "+") zoom(view.zoom * 1.25);
  else if (event.key === "-") zoom(view.zoom / 1.25);
  else if (moves[event.key]) { view.x += moves[event.key][0]; view.y += moves[event.key][1]; place(); }
  else return;
  event.preventDefault();
});
controls.addEventListener("input", (event) => { if (event.target.name === "zoom") zoom(Number(event.target.value)); else draw(); });
field("reset").addEventListener("click", reset);
new ResizeObserver(() => { if (shown) place(); }).observe(stage);
watch("value", take);
take();
