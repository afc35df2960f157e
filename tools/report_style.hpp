// Style and script of the report. Private to report_page.cpp.
#pragma once

#include <string_view>

namespace narrows::tools {

inline constexpr std::string_view report_style = R"css(
:root { --page: #ffffff; --ink: #1d2126; --soft: #59626b; --edge: #d6dade; --card: #f5f6f8;
  --good: #1a7f4b; --bad: #b3401a; --bar: #2f6fb5; --hot: 47,111,181; }
@media (prefers-color-scheme: dark) {
  :root { --page: #15181c; --ink: #e3e7eb; --soft: #9ca6b0; --edge: #39404a; --card: #1f242a;
    --good: #5cc78f; --bad: #f0936a; --bar: #6ba6e8; --hot: 107,166,232; } }
@media print { :root { --page: #ffffff; --ink: #1d2126; --soft: #59626b; --edge: #d6dade;
  --card: #f5f6f8; --good: #1a7f4b; --bad: #b3401a; --bar: #2f6fb5; --hot: 47,111,181; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 40px 0 12px; padding-top: 12px; border-top: 1px solid var(--edge); }
h3 { font-size: 16px; margin: 0 0 2px; }
p { margin: 0 0 12px; overflow-wrap: anywhere; }
.soft, figcaption { color: var(--soft); font-size: 14px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 16px 0 0; font-size: 14px; }
nav a { color: var(--bar); text-decoration: none; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px;
  margin: 0 0 16px; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px;
  padding: 10px 12px; overflow-wrap: anywhere; }
.card b { display: block; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 13px; line-height: 1.3; display: block; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
  gap: 20px; }
.pair.pictures { grid-template-columns: repeat(auto-fill, minmax(min(100%, 310px), 1fr)); }
.pair > figure.wide { grid-column: 1 / -1; max-width: none; }
.pair > figure:only-child { max-width: 760px; }
figure { margin: 0 0 8px; min-width: 0; break-inside: avoid; }
figcaption { margin-top: 6px; overflow-wrap: anywhere; }
.chart { position: relative; height: 280px; }
.chart.square { height: auto; aspect-ratio: 1; max-width: 640px; }
.picture { display: inline-block; max-width: 100%; background: #fff; border: 1px solid var(--edge);
  border-radius: 6px; padding: 6px; line-height: 0; }
.picture img { max-width: 100%; height: auto; image-rendering: pixelated; }
.wide .picture img { image-rendering: auto; }
ul.words { list-style: none; padding: 0; margin: 0 0 16px; }
ul.words li { border-left: 4px solid var(--bad); background: var(--card); padding: 8px 12px;
  margin-bottom: 8px; border-radius: 0 6px 6px 0; overflow-wrap: anywhere; }
ul.words li.good { border-color: var(--good); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: 12px; }
th, td { padding: 6px 14px 6px 0; text-align: right; border-bottom: 1px solid var(--edge); }
th { font-weight: 600; font-size: 14px; }
td { white-space: nowrap; }
@media (max-width: 480px) { th, td { padding: 5px 8px 5px 0; font-size: 13px; } }
th:first-child, td:first-child { text-align: left; }
table.facts { width: 100%; }
table.facts td { white-space: normal; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
table.facts td:first-child { color: var(--soft); white-space: nowrap; }
.scroll { overflow-x: auto; max-width: 100%; }
pre { background: var(--card); border: 1px solid var(--edge); border-radius: 6px; padding: 10px;
  overflow-x: auto; font-size: 13px; line-height: 1.45; margin: 6px 0 14px; }
summary { cursor: pointer; }
svg.graph { display: block; max-width: none; height: auto; }
svg.graph rect { stroke: var(--edge); rx: 8px; fill: var(--card); }
svg.graph rect.heat { stroke: none; fill: var(--bar); rx: 2px; }
svg.graph text { fill: var(--ink); font-size: 13px; }
svg.graph text.small { fill: var(--soft); font-size: 12px; }
svg.graph path { fill: none; stroke: var(--soft); stroke-width: 1.3; }
svg.graph path.tip { fill: var(--soft); stroke: none; }
@media print { nav, details { display: none; } main { max-width: none; padding: 0; }
  h2 { break-after: avoid; } body { font-size: 12px; } pre { white-space: pre-wrap; } }
@media (max-width: 480px) { .chart { height: 240px; } th, td { padding-right: 9px; font-size: 14px; } }
)css";

inline constexpr std::string_view report_script = R"js(
'use strict';
const light = ['#2f6fb5', '#d1701f', '#2e8b57', '#b8323c', '#7d57c1', '#8a5a3c', '#c9509d', '#6d7278',
  '#8f8f14', '#1694a6'];
const dark = ['#6ba6e8', '#f0a05e', '#67c48f', '#f07a80', '#b49bf0', '#c99b7c', '#ee8fcb', '#b3b9bf',
  '#cfcf5a', '#5fcfe0'];
const wish = matchMedia('(prefers-color-scheme: dark)');
const made = [];
function axis(text, soft, edge, more) {
  return Object.assign({ title: { display: true, text, color: soft }, ticks: { color: soft,
    maxRotation: 0, autoSkipPadding: 12 }, grid: { color: edge, borderColor: edge } }, more);
}
function build(paper) {
  while (made.length) made.pop().destroy();
  const style = getComputedStyle(document.documentElement), isDark = wish.matches && !paper;
  const value = (name, printed) => paper ? printed : style.getPropertyValue(name).trim();
  const soft = value('--soft', '#59626b'), edge = value('--edge', '#d6dade'),
    colours = isDark ? dark : light;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 13;
  charts.forEach((c, place) => {
    const many = c.series.length > 1, points = c.kind === 'points', bars = c.kind === 'bars';
    const datasets = c.series.map((s, i) => {
      const colour = colours[i % colours.length];
      return { label: s.name, data: s.y, backgroundColor: bars || points ? colour : 'transparent',
        borderColor: colour, borderWidth: bars || points ? 0 : 2, tension: 0,
        pointRadius: points ? 2.2 : (s.y.length > 40 ? 0 : 2.5), pointBackgroundColor: colour,
        pointStyle: points && i >= 10 ? 'rect' : 'circle', barPercentage: 1,
        categoryPercentage: s.y.length > 60 ? 1 : 0.82 };
    });
    const blank = c.equal ? { ticks: { display: false }, min: -1.04, max: 1.04 } : {};
    made.push(new Chart(document.getElementById('chart' + place), {
      type: points ? 'scatter' : bars ? 'bar' : 'line', data: { labels: c.labels, datasets },
      options: { animation: false, responsive: true, maintainAspectRatio: false,
        scales: { x: axis(c.x, soft, edge, blank), y: axis(c.y, soft, edge,
          Object.assign({ beginAtZero: c.zero }, blank)) },
        plugins: { legend: { display: many, position: 'top', labels: { color: soft, boxWidth: 12,
          usePointStyle: points } }, tooltip: { intersect: points, mode: points ? 'nearest' : 'index' } } }
    }));
  });
}
build(false);
wish.addEventListener('change', () => build(false));
addEventListener('beforeprint', () => build(true));
addEventListener('afterprint', () => build(false));
)js";

}  // namespace narrows::tools
