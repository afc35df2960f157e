// Style and script of the page. Private to map_page.cpp.
#pragma once

#include <string_view>

namespace narrows::plugins {

inline constexpr std::string_view map_style = R"css(
:root { --page: #ffffff; --ink: #202428; --soft: #5a636c; --edge: #d8dce0; --card: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --page: #16191d; --ink: #e4e8ec; --soft: #9aa4ae; --edge: #3a4046; --card: #22272d; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 16px; }
h1 { font-size: 20px; font-weight: 600; margin: 0 0 12px; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; }
#plot { position: relative; flex: 1 1 480px; max-width: min(100%, 88vh); aspect-ratio: 1;
  min-width: 280px; border: 1px solid var(--edge); border-radius: 6px; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; border-radius: 6px; }
#dots { touch-action: none; cursor: crosshair; }
#dots:focus-visible { outline: 2px solid var(--soft); }
#ring { pointer-events: none; }
#key { flex: 0 1 200px; display: flex; flex-wrap: wrap; gap: 4px; align-content: flex-start; }
#key button { flex: 1 1 92px; display: flex; gap: 8px; align-items: center; padding: 4px 8px;
  border: 1px solid var(--edge); border-radius: 6px; background: none; color: inherit; font: inherit;
  cursor: pointer; text-align: left; }
#key button[aria-pressed="false"] { opacity: .4; }
#key b { font-weight: 500; overflow-wrap: anywhere; }
#key span { margin-left: auto; color: var(--soft); font-size: 13px; }
#key button i { flex: none; width: 12px; height: 12px; border-radius: 50%; }
.bar { display: flex; gap: 8px; align-items: center; width: 100%; }
.bar i { flex: 1; height: 14px; border-radius: 4px; }
#tip { position: absolute; z-index: 1; padding: 8px; border: 1px solid var(--edge); border-radius: 6px;
  background: var(--card); pointer-events: none; font-size: 13px; line-height: 1.4; max-width: 260px;
  box-shadow: 0 2px 8px #0003; }
#tip canvas { position: static; display: block; width: auto; height: auto; margin-bottom: 6px;
  border-radius: 3px; max-width: 100%; }
#tip.pixels canvas { image-rendering: pixelated; }
.talk { color: var(--soft); margin-top: 12px; }
.talk p { margin: 0 0 4px; }
pre { overflow: auto; padding: 8px; background: var(--card); border-radius: 6px; }
@media (max-width: 720px) { #key { flex-basis: 100%; } }
@media print { details, #tip { display: none; } }
)css";

inline constexpr std::string_view map_script = R"js(
'use strict';
const $ = id => document.getElementById(id);
const plot = $('plot'), dots = $('dots'), ring = $('ring'), tip = $('tip');
const n = map.colour.length, shown = new Uint8Array(n).fill(1);
const X = i => map.at[2 * i] / map.steps, Y = i => map.at[2 * i + 1] / map.steps;
let side = 1, dense = 1, chosen = -1;
const view = { zoom: 1, x: 0, y: 0 };   // a point is drawn at (p * zoom + offset) * side
const px = i => (X(i) * view.zoom + view.x) * side, py = i => (Y(i) * view.zoom + view.y) * side;
const radius = () => map.radius * side * Math.sqrt(view.zoom);

function fit() {
  side = plot.clientWidth; dense = window.devicePixelRatio || 1;
  for (const c of [dots, ring]) { c.width = c.height = Math.round(side * dense); }
  draw();
  const again = chosen;
  chosen = -1;
  choose(again);
}
function draw() {
  const g = dots.getContext('2d'), r = radius();
  g.setTransform(dense, 0, 0, dense, 0, 0);
  g.clearRect(0, 0, side, side);
  g.globalAlpha = 0.8;
  for (let i = 0; i < n; ++i) {
    if (!shown[i]) continue;
    const x = px(i), y = py(i);
    if (x < -r || y < -r || x > side + r || y > side + r) continue;
    g.fillStyle = map.colours[map.colour[i]];
    g.beginPath(); g.arc(x, y, r, 0, 7); g.fill();
  }
  mark();
}
function nearest(x, y) {
  let best = -1, least = 18 * 18;
  for (let i = 0; i < n; ++i) {
    if (!shown[i]) continue;
    const dx = px(i) - x, dy = py(i) - y, d = dx * dx + dy * dy;
    if (d < least) { least = d; best = i; }
  }
  return best;
}

const sheets = [];
function sheet(s, then) {   // decoded when first looked at
  if (!sheets[s]) { sheets[s] = new Image(); sheets[s].src = map.sprites.sheets[s]; }
  sheets[s].complete && sheets[s].naturalWidth ? then(sheets[s])
    : sheets[s].addEventListener('load', () => then(sheets[s]), { once: true });
}
function sprite(i) {
  const p = map.sprites, canvas = document.createElement('canvas');
  canvas.width = p.width; canvas.height = p.height;
  const scale = p.curves ? 1 : Math.max(1, Math.round(112 / Math.max(p.width, p.height)));
  canvas.style.width = p.width * scale + 'px';
  canvas.style.height = p.height * scale + 'px';
  const s = Math.floor(i / p.perSheet), k = i % p.perSheet;
  const columns = Math.min(p.columns, n - s * p.perSheet);
  const x = p.gap + k % columns * (p.width + p.gap);
  const y = p.gap + Math.floor(k / columns) * (p.height + p.gap);
  sheet(s, image => canvas.getContext('2d').drawImage(image, x, y, p.width, p.height,
                                                      0, 0, p.width, p.height));
  return canvas;
}
function line(text) {
  const div = document.createElement('div');
  div.textContent = text;
  return div;
}
function mark() {
  const g = ring.getContext('2d');
  g.setTransform(dense, 0, 0, dense, 0, 0);
  g.clearRect(0, 0, side, side);
  if (chosen < 0) return;
  g.strokeStyle = getComputedStyle(document.body).color;
  g.lineWidth = 2;
  g.beginPath(); g.arc(px(chosen), py(chosen), radius() + 3, 0, 7); g.stroke();
}
function choose(i) {
  if (i === chosen) return;
  chosen = i;
  mark();
  tip.hidden = i < 0;
  if (i < 0) return;
  tip.className = map.sprites.curves ? '' : 'pixels';
  tip.replaceChildren();
  if (map.sprites.sheets.length) tip.append(sprite(i));
  tip.append(line('sample ' + map.ids[i]));
  if (map.label.length) tip.append(line('label ' + map.labels[map.label[i]]));
  const x = px(i), y = py(i), w = tip.offsetWidth, h = tip.offsetHeight;
  tip.style.left = Math.max(0, x + 14 + w > side ? x - 14 - w : x + 14) + 'px';
  tip.style.top = Math.max(0, Math.min(side - h, y - h / 2)) + 'px';
}

let held = null;
const place = e => { const b = dots.getBoundingClientRect(); return [e.clientX - b.left, e.clientY - b.top]; };
dots.addEventListener('pointermove', e => {
  const [x, y] = place(e);
  if (held) {
    view.x += (x - held[0]) / side; view.y += (y - held[1]) / side;
    held = [x, y];
    choose(-1); draw();
    return;
  }
  choose(nearest(x, y));
});
dots.addEventListener('pointerdown', e => {
  const [x, y] = place(e), i = nearest(x, y);
  if (e.pointerType === 'mouse' || i < 0) { held = [x, y]; dots.setPointerCapture(e.pointerId); }
  if (e.pointerType !== 'mouse') choose(i);
});
for (const end of ['pointerup', 'pointercancel']) dots.addEventListener(end, () => { held = null; });
dots.addEventListener('pointerleave', e => { if (e.pointerType === 'mouse') choose(-1); });
dots.addEventListener('wheel', e => {
  e.preventDefault();
  const [x, y] = place(e).map(v => v / side);
  const zoom = Math.min(64, Math.max(1, view.zoom * Math.exp(-e.deltaY / 400)));
  view.x = x - (x - view.x) * zoom / view.zoom;
  view.y = y - (y - view.y) * zoom / view.zoom;
  view.zoom = zoom;
  if (zoom === 1) view.x = view.y = 0;
  choose(-1); draw();
}, { passive: false });
dots.addEventListener('dblclick', () => { view.zoom = 1; view.x = view.y = 0; draw(); });
dots.addEventListener('keydown', e => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
  if (e.key === 'Escape') choose(-1);
  if (!step) return;
  e.preventDefault();
  for (let k = 1; k <= n; ++k) {
    const i = (Math.max(chosen, step < 0 ? 0 : -1) + step * k + 2 * n) % n;
    if (shown[i]) return choose(i);
  }
});
for (const button of document.querySelectorAll('#key button'))
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-pressed') !== 'true', entry = +button.dataset.entry;
    button.setAttribute('aria-pressed', on);
    for (let i = 0; i < n; ++i) if (map.entry[i] === entry) shown[i] = on;
    choose(-1); draw();
  });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
new ResizeObserver(fit).observe(plot);
)js";

}  // namespace narrows::plugins
