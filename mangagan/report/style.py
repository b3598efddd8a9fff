"""The look of the report: one stylesheet for light and dark, wide and narrow."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #fff; --ink: #1c1b19; --soft: #5f5b55; --rule: #dedad3; --accent: #0b5fa5;
  --line-0: #0b62b0; --line-1: #b34f09; --line-2: #2e7d4f; --line-3: #7a4bb0; --rest: #c9c4bb; --shade: 1;
  --track: #ebe7e0; --fine: #1f7a45; --warn: #a65a00; --bad: #b3261e; --calm: #5f5b55;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161513; --card: #201f1c; --ink: #ece9e3; --soft: #aaa59b; --rule: #3a3833; --accent: #7db8f0;
    --line-0: #6cb0f5; --line-1: #f2a15f; --line-2: #74c799; --line-3: #bd9bea; --rest: #57534b; --shade: .88;
    --track: #35332e; --fine: #74c799; --warn: #f0b35a; --bad: #f28b82; --calm: #aaa59b;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .6rem; border-top: 1px solid var(--rule); padding-top: 1rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
h4 { font-size: 1rem; margin: 0; }
p { max-width: 46rem; margin: .4rem 0; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin-top: .6rem; }
nav a { padding: .2rem 0; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
.banner { display: flex; gap: 1rem; margin: 1rem 0; padding: 1rem; border-radius: .5rem; background: var(--card);
  border: 1px solid var(--rule); border-left: .5rem solid var(--tone); }
.banner .sign { flex: none; width: 2.6rem; height: 2.6rem; border-radius: 50%; border: 2px solid var(--tone);
  color: var(--tone); font-size: 1.5rem; line-height: 2.4rem; text-align: center; font-weight: 700; }
.banner p { margin: 0; }
.banner .word { font-size: 1.7rem; line-height: 1.2; font-weight: 700; color: var(--tone); }
.banner .word::first-letter { text-transform: uppercase; }
.banner .advice { margin-top: .3rem; font-weight: 600; }
.fine { --tone: var(--fine); } .warn { --tone: var(--warn); } .bad { --tone: var(--bad); }
.calm { --tone: var(--calm); }
.fired { color: var(--bad); }
.callout { max-width: 46rem; margin: .8rem 0; padding: .6rem .9rem; border-left: .3rem solid var(--warn);
  background: var(--card); }
.callout ul { margin: .2rem 0; padding-left: 1.2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(25rem, 100%), 1fr)); gap: 1rem;
  align-items: start; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; padding: 1rem; min-width: 0; }
.card .question { margin-top: 0; color: var(--soft); }
.card .row + .row { border-top: 1px dashed var(--rule); padding-top: .4rem; }
.card .eyes { display: flex; justify-content: space-between; gap: 1rem; margin: .3rem 0 0; font-size: .875rem; }
.card .reading { font-size: .9375rem; font-weight: 600; }
.card details { border: 0; font-size: .9rem; }
.card dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem; margin: .5rem 0; font-size: .875rem; }
.card dt { color: var(--soft); }
.card dd { margin: 0; font-variant-numeric: tabular-nums; }
.pair, .triple { display: grid; gap: 1rem 1.5rem; }
.pair { grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); }
.triple { grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); }
figure { margin: .6rem 0; min-width: 0; }
figcaption { margin-top: .3rem; max-width: 46rem; }
.file { white-space: nowrap; }
img { display: block; max-width: 100%; height: auto; background: #fff; filter: brightness(var(--shade)); }
.wide { overflow-x: auto; }
.wide img { max-width: max(100%, 40rem); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
thead th { vertical-align: bottom; font-size: .875rem; }
.figures th:not(:first-child), .figures td { text-align: right; padding: .3rem 0 .3rem .9rem; }
tbody th { font-weight: 400; min-width: 9rem; overflow-wrap: anywhere; }
.rules td { min-width: 9.5rem; }
.bars { width: 100%; max-width: 46rem; }
.bars th:first-child { width: 38%; min-width: 7rem; }
.bars td { white-space: nowrap; }
.bars td:last-child { width: 45%; }
.bar { display: block; margin-top: .3rem; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
details { border-bottom: 1px solid var(--rule); padding: .2rem 0; }
summary { cursor: pointer; padding: .4rem 0; }
.chain { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(10.5rem, 100%), 1fr)); gap: .8rem 1.6rem;
  list-style: none; margin: .8rem 0; padding: 0; }
.chain li { position: relative; min-width: 0; padding: .7rem; border: 1px solid var(--rule); border-radius: .5rem;
  background: var(--card); }
.chain li > code { display: block; color: var(--soft); }
.chain li + li::before { content: "→"; position: absolute; left: -1.3rem; top: .7rem; color: var(--soft); }
.chain dl { display: grid; grid-template-columns: 1fr auto; gap: 0 .6rem; margin: .4rem 0 0; font-size: .875rem; }
.chain dt { color: var(--soft); }
.chain dd { margin: 0; min-width: 0; text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.chain .long { grid-column: 1 / -1; text-align: left; }
.plot { display: block; width: 100%; max-width: 36rem; height: auto; font: 12px system-ui, sans-serif; }
.plot text { fill: var(--soft); }
.plot .label { fill: var(--ink); }
.plot .grid { stroke: var(--rule); }
.plot .axis { stroke: var(--soft); fill: none; }
.plot .kept { stroke: var(--ink); stroke-dasharray: 4 3; }
.plot [class^="line-"] { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line-0 { stroke: var(--line-0); } .line-1 { stroke: var(--line-1); }
.line-2 { stroke: var(--line-2); } .line-3 { stroke: var(--line-3); }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; margin: .3rem 0; padding: 0;
  font-size: .875rem; }
.legend i { display: inline-block; width: 1.2rem; margin-right: .4rem; border-top: 3px solid; vertical-align: middle; }
.legend .key-0 { color: var(--line-0); } .legend .key-1 { color: var(--line-1); }
.legend .key-2 { color: var(--line-2); } .legend .key-3 { color: var(--line-3); }
.legend .key-kept { border-top: 2px dashed var(--ink); }
.bar .key-0 { fill: var(--line-0); } .bar .rest { fill: var(--rest); }
.range { display: block; overflow: visible; font: 11px system-ui, sans-serif; margin-top: .2rem; }
.range text { fill: var(--soft); paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.range .value-label { fill: var(--line-0); font-weight: 700; font-size: 12px; }
.range .floor-label { fill: var(--line-2); font-weight: 600; }
.range .ceiling-label { fill: var(--line-1); }
.range .track { fill: var(--track); }
.range .gap { fill: var(--line-0); opacity: .35; }
.range .band { fill: var(--line-2); opacity: .3; }
.range .floor { stroke: var(--line-2); stroke-width: 3; }
.range .ceiling { stroke: var(--line-1); stroke-width: 2; stroke-dasharray: 3 2; }
.range .ceiling.far { fill: var(--line-1); stroke: none; }
.range .leader { stroke: var(--rule); }
.range .whisker { stroke: var(--line-0); stroke-width: 2; }
.range .value { fill: var(--line-0); stroke: var(--card); stroke-width: 1.5; }
footer { padding-top: 2rem; padding-bottom: 2rem; }
@media (min-width: 40rem) { .plot { font-size: 10px; } }
@media (max-width: 40rem) {
  .chain li + li::before { content: "↓"; left: 50%; top: -1.15rem; }
  th, td { padding-right: .6rem; }
  .figures th:not(:first-child), .figures td { padding-left: .6rem; }
}
@media print {
  body { background: none; }
  nav { display: none; }
  .pair, .cards { grid-template-columns: 1fr 1fr; }
  .triple { grid-template-columns: 1fr 1fr 1fr; }
  .card, figure, .banner, .chain li { break-inside: avoid; }
  svg, img, .banner { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
