// The controls above the grid: view, order, filters and search. The address of the page keeps their values.

const NAMES = ["view", "order", "show", "title", "search"];
const DELAY_MS = 120;  // between the last letter of a search and its result
const control = (name) => document.getElementById(name);

export function readFilters() {
  return Object.fromEntries(NAMES.map((name) => [name, control(name).value]));
}

// List the titles, and call `onChange` when a control changes. Without `onChange` only the list is renewed.
export function setUpFilters(faces, onChange) {
  listTitles(faces);
  if (!onChange) return;
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of NAMES) if (given.has(name)) setValue(control(name), given.get(name));
  update();
  let timer = 0;
  for (const name of NAMES) {
    control(name).addEventListener(name === "search" ? "input" : "change", () => {
      if (name === "view" || name === "order") chooseShow();
      update();
      clearTimeout(timer);
      timer = setTimeout(onChange, name === "search" ? DELAY_MS : 0);
    });
  }
  document.querySelector("form.controls").addEventListener("submit", (event) => event.preventDefault());
}

function setValue(input, value) {
  input.value = value;
  if (input.value !== value) input.selectedIndex = 0;  // an option that does not exist
}

function listTitles(faces) {
  const chosen = control("title").value;
  const titles = [...faces.columns.title.values].sort((first, second) => first.localeCompare(second));
  control("title").replaceChildren(new Option("all titles", ""), ...titles.map((title) => new Option(title, title)));
  setValue(control("title"), chosen);
}

// The doubtful faces are the kept ones, except those that were dropped as duplicates.
function chooseShow() {
  if (control("view").value !== "doubt") return;
  control("show").value = control("order").value === "similarity" ? "all" : "kept";
}

function update() {
  control("order-label").hidden = control("view").value !== "doubt";
  const values = new URLSearchParams(Object.entries(readFilters()).filter(([, value]) => value));
  history.replaceState(null, "", `#${values}`);
}
