"use strict";
// The gallery: filters, pages of faces or of clusters, and the details of a face. GALLERY is defined in faces.js.

const FACES_PER_PAGE = 240;
const CLUSTERS_PER_PAGE = 60;
const SEARCH_DELAY_MS = 150;

const { faces, pages, sheets } = GALLERY;
const count = faces.face_id.length;
const every = Array.from({ length: count }, (_, face) => face);
const form = document.getElementById("filters");
const dialog = document.getElementById("details");
const byId = (id) => document.getElementById(id);

const reason = (face) => faces.drop_reason.values[faces.drop_reason.codes[face]];
const split = (face) => faces.split.values[faces.split.codes[face]];
const title = (face) => pages.title[faces.page[face]];
const isKept = (face) => reason(face) === "";

// The faces of each group: a cluster, and the clusters of its mirror images. The kept faces come first, then similar
// ones.
const groups = new Map();
for (const face of every) {
  const group = faces.group[face];
  if (groups.has(group)) groups.get(group).push(face);
  else groups.set(group, [face]);
}
for (const members of groups.values()) {
  members.sort((first, second) =>
    isKept(second) - isKept(first) ||
    (faces.mirror_of[first] >= 0) - (faces.mirror_of[second] >= 0) ||
    (faces.similarity[second] ?? 0) - (faces.similarity[first] ?? 0) || first - second);
}
const membersOf = (face) => groups.get(faces.group[face]);
const isDuplicate = (face) => faces.duplicate_of[face] >= 0;
const isMirrored = (face) => faces.mirror_of[face] >= 0;
const hasDuplicates = new Set(), hasTwins = new Set();
for (const face of every) {
  if (isDuplicate(face)) hasDuplicates.add(face).add(faces.duplicate_of[face]);
  if (isMirrored(face)) hasTwins.add(face).add(faces.mirror_of[face]);
}
const CLUSTER_FILTERS = {
  "with duplicates": (face) => hasDuplicates.has(face),
  "mirrored twins": (face) => hasTwins.has(face),
  "without either": (face) => !hasDuplicates.has(face) && !hasTwins.has(face),
};

let texts = null;  // of each face, for the search
function matchText(face, words) {
  texts ??= every.map((each) => {
    const page = faces.page[each];
    const ids = [faces.face_id[each], faces.face_id[faces.cluster_id[each]] ?? "", pages.page_id[page]];
    return [...ids, pages.title[page], pages.source[page]].join("\n").toLowerCase();
  });
  return words.every((word) => texts[face].includes(word));
}

// The controls and the address

function listOptions(name, all, values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const names = [...counts.keys()].filter((value) => value !== "");
  const options = names.map((value) => new Option(`${value} (${counts.get(value).toLocaleString("en")})`, value));
  form.elements[name].replaceChildren(new Option(all, ""), ...options);
}

function readState() {
  const state = Object.fromEntries(new FormData(form));
  return { ...state, page };
}

let page = 1;
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const element of form.elements) {
    if (!element.name) continue;
    element.value = given.get(element.name) ?? "";
    if (element.selectedIndex === -1) element.value = "";  // an option that does not exist
  }
  page = Math.max(1, Number.parseInt(given.get("page"), 10) || 1);
}

function writeAddress() {
  const values = Object.entries(readState()).filter(([name, value]) => value && !(name === "page" && value === 1));
  history.replaceState(null, "", `#${new URLSearchParams(values)}`);
}

function selectFaces() {
  const { title: wanted, state, split: part, cluster, order, search } = readState();
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = every.filter((face) =>
    (!wanted || title(face) === wanted) &&
    (!state || (state === "kept" ? isKept(face) : state === "dropped" ? !isKept(face) : `: ${reason(face)}` === state)) &&
    (!part || split(face) === part) &&
    (!cluster || CLUSTER_FILTERS[cluster](face)) &&
    (!words.length || matchText(face, words)));
  if (!order) return chosen;
  const value = (face) => faces[order][face] ?? Infinity;
  return chosen.sort((first, second) => (value(first) < value(second) ? -1 : value(first) > value(second) ? 1 : first - second));
}

// Groups of several faces, in the order of the first selected face of each.
function selectGroups() {
  return [...new Set(selectFaces().map((face) => faces.group[face]))].map((group) => groups.get(group))
    .filter((members) => members.length > 1);
}

// Pictures and texts

function findSheet(face) {
  let low = 0, high = sheets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sheets[middle][1] <= face) low = middle;
    else high = middle - 1;
  }
  return sheets[low];
}

function makeFace(face, tag = "button") {
  const [file, first, rows] = findSheet(face);
  const slot = face - first, column = slot % GALLERY.columns, row = Math.floor(slot / GALLERY.columns);
  const element = document.createElement(tag);
  element.className = "face";
  if (tag === "button") {
    element.type = "button";
    element.dataset.face = face;
  } else element.setAttribute("role", "img");
  element.setAttribute("aria-label", `Face ${faces.face_id[face]}`);
  element.style.backgroundImage = `url("${document.body.dataset.thumbnails}/${file}")`;
  element.style.backgroundSize = `${GALLERY.columns * 100}% ${rows * 100}%`;
  const across = 100 * column / (GALLERY.columns - 1), down = rows > 1 ? 100 * row / (rows - 1) : 0;
  element.style.backgroundPosition = `${across}% ${down}%`;
  return element;
}

function makeText(tag, text, className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

const percent = (value) => (value === null ? "–" : `${Math.round(100 * value)} %`);
const similarity = (face) => (faces.similarity[face] === null ? "" : ` ${faces.similarity[face].toFixed(2)}`);

// What a face is in its group: [text, class].
function describeRelation(face) {
  if (isMirrored(face)) return [`mirrored${similarity(face)}`, "same"];
  if (isDuplicate(face)) return [`duplicate${similarity(face)}`, "same"];
  return ["", ""];
}

function makeFigure(face) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  const [relation, className] = describeRelation(face);
  caption.append(makeText("code", faces.face_id[face], "id"));
  const state = isKept(face) ? `kept, ${split(face)}` : reason(face);
  if (state !== "duplicate" || !relation) caption.append(makeText("div", state, isKept(face) ? "kept" : "dropped"));
  if (relation) caption.append(makeText("div", relation, className));
  caption.append(makeText("div", `usable ${percent(faces.p_usable[face])}`));
  figure.append(makeFace(face), caption);
  return figure;
}

function makeCluster(members) {
  const section = document.createElement("section"), grid = document.createElement("div");
  const [best] = members, row = faces.page[best];
  section.className = "cluster";
  section.append(makeText("h2", `${pages.title[row]}, page ${pages.page_number[row]}: ${members.length} faces`));
  grid.className = "grid";
  grid.append(...members.map(makeFigure));
  section.append(grid);
  return section;
}

// One page of faces or clusters

function show() {
  const clusters = form.elements.view.value === "clusters";
  const items = clusters ? selectGroups() : selectFaces();
  const size = clusters ? CLUSTERS_PER_PAGE : FACES_PER_PAGE;
  const last = Math.max(1, Math.ceil(items.length / size));
  page = Math.min(page, last);
  const shown = items.slice((page - 1) * size, page * size);
  byId("faces").className = clusters ? "" : "grid";
  byId("faces").replaceChildren(...shown.map(clusters ? makeCluster : makeFigure));
  const clusterUnit = items.length === 1 ? "cluster of several faces" : "clusters of several faces";
  const unit = clusters ? clusterUnit : `of ${count.toLocaleString("en")} faces`;
  const none = `No ${clusters ? "cluster of several faces" : "face"} matches`;
  byId("count").textContent = items.length ? `${items.length.toLocaleString("en")} ${unit}` : none;
  for (const pager of document.querySelectorAll(".pager")) fillPager(pager, last);
  writeAddress();
}

function fillPager(pager, last) {
  const buttons = [["Previous", -1, page === 1], ["Next", 1, page === last]].map(([text, step, disabled]) => {
    const button = makeText("button", text);
    button.type = "button";
    button.disabled = disabled;
    button.addEventListener("click", () => {
      page += step;
      show();
      window.scrollTo(0, 0);
    });
    return button;
  });
  pager.hidden = last === 1;
  pager.replaceChildren(buttons[0], makeText("span", `page ${page} of ${last}`), buttons[1]);
}

// The details of one face

const FACTS = [
  ["id", (face) => faces.face_id[face]],
  ["title", title],
  ["source", (face) => pages.source[faces.page[face]]],
  ["page", (face) => `${pages.page_number[faces.page[face]]} (${pages.page_id[faces.page[face]]})`],
  ["box [px]", (face) => `x ${faces.x[face]}, y ${faces.y[face]}, w ${faces.w[face]}, h ${faces.h[face]}`],
  ["page size [px]", (face) => `${pages.page_width[faces.page[face]]} × ${pages.page_height[faces.page[face]]}`],
  ["state", (face) => (isKept(face) ? "kept" : `dropped: ${reason(face)}`)],
  ["split", split],
  ["score", (face) => `${faces.score[face] ?? "–"} (${faces.detector.values[faces.detector.codes[face]]})`],
  ["p_face", (face) => faces.p_face[face] ?? "–"],
  ["p_usable", (face) => faces.p_usable[face] ?? "–"],
  ["duplicate of", (face) => faces.face_id[faces.duplicate_of[face]] ?? ""],
  ["mirror image of", (face) => faces.face_id[faces.mirror_of[face]] ?? ""],
  ["similarity", (face) => faces.similarity[face] ?? ""],
];
let detailed = 0;

function showDetails(face) {
  detailed = face;
  byId("details-title").textContent = `Face ${faces.face_id[face]}`;
  byId("large").replaceChildren(makeFace(face, "div"));
  byId("facts").replaceChildren(...FACTS.map(([name, value]) => [name, String(value(face))])
    .filter(([, text]) => text)
    .flatMap(([name, text]) => [makeText("dt", name), makeText("dd", text)]));
  const others = membersOf(face).filter((other) => other !== face);
  const grid = document.createElement("div");
  grid.className = "grid";
  grid.append(...others.slice(0, FACES_PER_PAGE).map(makeFigure));
  byId("others").replaceChildren(...(others.length ? [makeText("h2", "The same drawing, or its mirror image"), grid] : []));
  byId("show-cluster").hidden = !others.length;
  byId("copy").textContent = "Copy id";
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

async function copyId() {
  const id = faces.face_id[detailed];
  try {
    await navigator.clipboard.writeText(id);
    byId("copy").textContent = "Copied";
  } catch {  // no permission: select the id, so that Ctrl+C copies it
    getSelection().selectAllChildren(byId("facts").querySelector("dd"));
    byId("copy").textContent = "Selected: press Ctrl+C";
  }
}

function showCluster() {
  dialog.close();
  form.reset();
  form.elements.view.value = "clusters";
  form.elements.search.value = faces.face_id[membersOf(detailed)[0]];
  page = 1;
  show();
}

function start() {
  listOptions("title", "all titles", every.map(title));
  listOptions("split", "both", every.map(split));
  listOptions("cluster", "all", Object.entries(CLUSTER_FILTERS)
    .flatMap(([name, matches]) => every.filter(matches).map(() => name)));
  listOptions("state", "all", every.map((face) => (isKept(face) ? "kept" : `: ${reason(face)}`)));
  for (const option of form.elements.state.options) option.text = option.text.replace(/^: /, "dropped: ");
  form.elements.state.add(new Option(`dropped (${every.filter((face) => !isKept(face)).length.toLocaleString("en")})`, "dropped"), 2);
  readAddress();
  let timer = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    page = 1;
    timer = setTimeout(show, event.target.name === "search" ? SEARCH_DELAY_MS : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => { readAddress(); show(); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.face");
    if (button) showDetails(Number(button.dataset.face));
    else if (event.target === dialog) dialog.close();
  });
  byId("clear").addEventListener("click", () => { form.reset(); page = 1; show(); });
  byId("close").addEventListener("click", () => dialog.close());
  byId("copy").addEventListener("click", copyId);
  byId("show-cluster").addEventListener("click", showCluster);
  show();
}

start();
