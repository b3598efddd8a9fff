// The dialogs: page of a face, note, what runs next, help.

import { describeState } from "./cells.js";

const element = (id) => document.getElementById(id);

function node(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function setUpDialogs(focusGrid) {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("close", focusGrid);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }
}

export const isOpen = (id) => element(id).open;

export function openHelp() { element("help-dialog").showModal(); }

// Show the page of a face, or where an imported face came from.
export function openPage(faces, decisions, face) {
  const image = element("page-image"), note = element("page-note");
  const isImported = faces.isImported(face);
  element("page-heading").textContent = `${faces.title(face)}, ${faces.place(face)}`;
  image.hidden = false;
  note.textContent = isImported ? `This face was imported and has no page. File: ${faces.columns.source[face]}` : "";
  const url = isImported ? faces.imageUrl(face) : faces.pageUrl(face);
  showImage(image, note, url, isImported ? "The face" : `Page with a box around face ${faces.id(face)}`);
  paintFacts(faces, decisions, face);
  if (!isOpen("page-dialog")) element("page-dialog").showModal();
}

function showImage(image, note, url, alt) {
  image.alt = alt;
  if (image.getAttribute("src") === url) return;
  image.onerror = async () => {
    image.hidden = true;
    const answer = await fetch(url).then((response) => response.json()).catch(() => ({}));
    note.textContent = answer.detail ?? "The page cannot be shown. The server does not answer.";
  };
  image.src = url;
}

export function paintFacts(faces, decisions, face) {
  const id = faces.id(face), digits = (value) => (value === null ? "" : value.toFixed(2));
  const best = faces.best(face), similarity = digits(faces.number("similarity", face));
  const relation = faces.columns.mirror_of[face] >= 0 ? "mirror image of" : "duplicate of";
  const pairs = decisions.pairsOf(id).map(({ other, action }) => `${action} with ${other}`);
  const facts = [
    ["face", id],
    ["outcome", describeState(faces, decisions, face).text],
    ["decision", [decisions.actions.get(id), ...pairs].filter(Boolean).join(", ") || "none"],
    ["note", decisions.notes.get(id)],
    [relation, best >= 0 ? `${faces.id(best)} (similarity ${similarity})` : ""],
    ["p_usable", digits(faces.number("p_usable", face))],
    ["p_face", digits(faces.number("p_face", face))],
    ["size", faces.size(face) ? `${Math.round(faces.size(face))} px` : ""],
    ["sharpness", digits(faces.number("sharpness", face))],
    ["file", faces.columns.source[face]],
  ];
  const list = element("page-facts");
  list.replaceChildren(...facts.filter(([, text]) => text).flatMap(([name, text]) => [node("dt", name), node("dd", text)]));
}

// Ask for a note. Return { text, decision } or undefined. `hasDecisions`: every face has a decision already.
export function askNote(text, count, hasDecisions, isKept) {
  const dialog = element("note-dialog"), input = element("note-text");
  element("note-heading").textContent = count === 1 ? "Note on the face" : `Note on ${count} faces`;
  element("note-decision-label").hidden = hasDecisions;
  element("note-decision").value = isKept ? "keep" : "drop";
  input.value = text;
  dialog.returnValue = "cancel";
  dialog.showModal();
  input.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const answer = { text: input.value.trim(), decision: element("note-decision").value };
      resolve(dialog.returnValue === "save" ? answer : undefined);
    }, { once: true });
  });
}

// Ask DVC which stages `dvc repro` will run.
export async function openNext(connection) {
  const body = element("next-body");
  body.replaceChildren(node("p", "Asking `dvc status` … this takes some seconds."));
  element("next-dialog").showModal();
  try {
    body.replaceChildren(...describeNext(await connection.readNext()));
  } catch (error) {
    body.replaceChildren(node("p", error.message));
  }
}

function describeNext({ stages, overrides_changed: changed }) {
  const parts = [node("p", changed
    ? "The decisions have changed since dedup ran."
    : "data/overrides.csv is unchanged since dedup ran: no decision waits.")];
  if (!stages.length) return [...parts, node("p", "All stages are up to date.")];
  const list = document.createElement("ol");
  for (const { name, description, reasons } of stages) {
    const item = document.createElement("li"), details = document.createElement("details");
    const reasonList = document.createElement("ul");
    reasonList.append(...reasons.map((reason) => node("li", reason)));
    details.append(node("summary", reasons.length === 1 ? reasons[0] : `${reasons.length} changes`));
    if (reasons.length > 1) details.append(reasonList);
    item.append(node("strong", name), ` ${description}`, reasons.length > 1 ? details : node("div", reasons[0], "soft"));
    list.append(item);
  }
  return [...parts, node("p", "dvc repro will run these stages:"), list];
}
