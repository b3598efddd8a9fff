// One face of the grid: its image, its state and one figure.

const OUTCOMES = { drop: "will be dropped", keep: "will be kept", again: "decided again" };

// What the manifest, the decisions and the connection say about a face: { text, kind }.
export function describeState(faces, decisions, face) {
  const id = faces.id(face);
  if (decisions.unsent.has(id)) return { text: "not saved yet", kind: "unsent" };
  if (decisions.outcome(id)) return { text: OUTCOMES[decisions.outcome(id)], kind: "pending" };
  if (faces.isKept(face)) return { text: faces.split(face) === "holdout" ? "hold-out" : faces.split(face), kind: "kept" };
  return { text: faces.reason(face), kind: "dropped" };
}

export function describeFigure(faces, face, filters) {
  const similarity = faces.number("similarity", face);
  const relation = faces.columns.mirror_of[face] >= 0 ? "mirror" : "similarity";
  const isRanked = filters.view === "doubt" && filters.order === "similarity";
  if (similarity !== null && (filters.view === "cluster" || isRanked)) return `${relation} ${similarity.toFixed(2)}`;
  const usable = faces.number(filters.view === "doubt" && filters.order === "p_face" ? "p_face" : "p_usable", face);
  const size = faces.size(face) ? `${Math.round(faces.size(face))} px` : "";
  return [usable === null ? "" : usable.toFixed(2), size].filter(Boolean).join(" · ");
}

export function makeCell(faces, face) {
  const cell = document.createElement("div");
  cell.setAttribute("role", "option");
  cell.id = `face-${face}`;
  cell.dataset.face = face;
  cell.dataset.id = faces.id(face);
  const image = new Image(112, 112);
  image.alt = "";
  image.decoding = "async";
  image.draggable = false;
  image.addEventListener("error", () => { image.dataset.failed = "true"; });
  image.src = faces.imageUrl(face);
  cell.append(image);
  for (const name of ["state", "figure", "tick", "mark"]) {
    const part = document.createElement("span");
    part.className = name;
    cell.append(part);
  }
  cell.querySelector(".tick").textContent = "✓";
  return cell;
}

// Load the images again that could not be loaded while the server was stopped.
export function reloadImages() {
  for (const image of document.querySelectorAll("img[data-failed]")) {
    delete image.dataset.failed;
    image.src = image.getAttribute("src");
  }
}

// Stop loading the images of a row that is scrolled away, so that they do not delay those of the visible rows.
export function cancelImages(row) {
  for (const image of row.querySelectorAll("img")) if (!image.complete) image.removeAttribute("src");
}

// Bring a cell up to date. `context`: { faces, decisions, filters, selected, active, position, count, section }.
export function paintCell(cell, face, { faces, decisions, filters, selected, active, position, count, section }) {
  const id = faces.id(face);
  const state = describeState(faces, decisions, face);
  const mark = decisions.mark(id) || (decisions.notes.has(id) ? "note" : "");
  const figure = describeFigure(faces, face, filters);
  const isKept = faces.isKept(face);
  cell.className = `face ${isKept ? "" : "dropped"} ${state.kind} ${active ? "active" : ""}`;
  cell.querySelector(".state").textContent = state.text;
  cell.querySelector(".figure").textContent = figure;
  cell.querySelector(".mark").textContent = mark;
  cell.dataset.decision = decisions.mark(id);
  cell.dataset.outcome = decisions.outcome(id);
  cell.setAttribute("aria-selected", String(selected));
  cell.setAttribute("aria-posinset", String(position + 1));
  cell.setAttribute("aria-setsize", String(count));
  const note = decisions.notes.get(id);
  cell.setAttribute("aria-label", [
    faces.title(face), faces.place(face),
    isKept ? `kept, ${state.text}` : `dropped: ${faces.reason(face)}`,
    state.kind === "pending" || state.kind === "unsent" ? state.text : "",
    figure, mark ? `decision: ${mark}` : "", note ? `note: ${note}` : "", section, id,
  ].filter(Boolean).join(", "));
  cell.title = [faces.title(face), faces.reason(face), note, id].filter(Boolean).join("\n");
}
