"""The look of the report: one stylesheet for light and dark, wide and narrow."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #fff; --ink: #1c1b19; --soft: #5f5b55; --rule: #dedad3; --accent: #0b5fa5;
  --line-0: #0b62b0; --line-1: #c2570c; --line-2: #2e7d4f; --line-3: #7a4bb0; --shade: 1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161513; --card: #201f1c; --ink: #ece9e3; --soft: #aaa59b; --rule: #3a3833; --accent: #7db8f0;
    --line-0: #6cb0f5; --line-1: #f2a15f; --line-2: #74c799; --line-3: #bd9bea; --shade: .88;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .6rem; border-top: 1px solid var(--rule); padding-top: 1rem; }
h3 { font-size: 1rem; margin: 0; }
p { max-width: 46rem; margin: .4rem 0; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin-top: .6rem; }
nav a { padding: .2rem 0; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; padding: 1rem; }
.card .ratio { font-size: 2rem; font-weight: 600; line-height: 1.2; margin: .4rem 0 0; }
.card dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem; margin: .6rem 0; }
.card dt { color: var(--soft); }
.card dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.card .reading { font-weight: 600; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1rem 1.5rem; }
figure { margin: .6rem 0; min-width: 0; }
figcaption { margin-top: .3rem; max-width: 46rem; }
img { display: block; max-width: 100%; height: auto; background: #fff; filter: brightness(var(--shade)); }
.wide { overflow-x: auto; }
.wide img { max-width: max(100%, 40rem); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
thead th { vertical-align: bottom; }
.figures th:not(:first-child), .figures td { text-align: right; padding: .3rem 0 .3rem .9rem; }
tbody th { font-weight: 400; min-width: 9rem; overflow-wrap: anywhere; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
details { border-bottom: 1px solid var(--rule); padding: .2rem 0; }
summary { cursor: pointer; padding: .4rem 0; }
.plot { display: block; width: 100%; max-width: 40rem; height: auto; font: 12px system-ui, sans-serif; }
.plot text { fill: var(--soft); }
.plot .label { fill: var(--ink); }
.plot .grid { stroke: var(--rule); }
.plot .axis { stroke: var(--soft); fill: none; }
.plot [class^="line-"] { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.plot .line-0 { stroke: var(--line-0); }
.plot .line-1 { stroke: var(--line-1); }
.plot .line-2 { stroke: var(--line-2); }
.plot .line-3 { stroke: var(--line-3); }
footer { padding-top: 2rem; padding-bottom: 2rem; }
@media print { nav { display: none; } .card, figure { break-inside: avoid; } }
"""
