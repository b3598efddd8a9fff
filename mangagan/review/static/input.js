// Keys and pointer.

import { isOpen, openHelp, openPage } from "./dialogs.js";

const ACTION_KEYS = {
  k: "keep", d: "drop", r: "replace", m: "merge", p: "part", n: "note", u: "undo", x: "toggle", " ": "toggle",
  o: "page", Enter: "page", Backspace: "reset",
};
const LETTER_MOVES = { h: "ArrowLeft", j: "ArrowDown", i: "ArrowUp", l: "ArrowRight" };
const element = (id) => document.getElementById(id);

export function setUpKeys(page) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || isTyping(event) || isBlocked()) return;
    if (handleKey(page, event)) event.preventDefault();
  });
}

// True if the key belongs to a control that has the focus.
function isTyping(event) {
  const name = event.target.tagName;
  if (name === "INPUT" || name === "SELECT" || name === "TEXTAREA") return true;
  return (name === "BUTTON" || name === "SUMMARY") && (event.key === "Enter" || event.key === " ");
}

function isBlocked() {
  return ["note-dialog", "help-dialog", "next-dialog"].some(isOpen);
}

// Return true if the key means something.
function handleKey(page, event) {
  if (event.ctrlKey || event.metaKey) {
    const action = { a: "all", z: "undo" }[event.key.toLowerCase()];
    if (action && !isOpen("page-dialog")) page.act(action);
    return Boolean(action);
  }
  if (isOpen("page-dialog")) return handlePageKey(page, event);
  if (move(page.grid, LETTER_MOVES[event.key] ?? event.key, event.shiftKey)) {
    page.paintCounts();
    return true;
  }
  if (event.key === "Escape") page.act("none");
  else if (event.key === "?") openHelp();
  else if (event.key === "/") element("search").focus();
  else if (event.key in ACTION_KEYS) page.act(ACTION_KEYS[event.key]);
  else return false;
  return true;
}

// In the page dialog the arrows show the neighbours, and the decisions apply to the face that is shown.
function handlePageKey(page, event) {
  const step = { ArrowLeft: -1, ArrowRight: 1, h: -1, l: 1 }[event.key];
  if (step) {
    showNeighbour(page, step);
    return true;
  }
  const action = ACTION_KEYS[event.key];
  if (!action || ["toggle", "page", "merge"].includes(action)) return false;
  page.act(action);
  return true;
}

function showNeighbour(page, step) {
  page.grid.move(page.grid.active + step);
  openPage(page.faces, page.decisions, page.grid.face);
  page.paintCounts();
}

function move(grid, key, extend) {
  if (grid.face === undefined) return false;
  const screen = grid.rowsPerScreen();
  const moves = {
    ArrowLeft: () => grid.move(grid.active - 1, extend),
    ArrowRight: () => grid.move(grid.active + 1, extend),
    ArrowUp: () => grid.moveRow(-1, extend),
    ArrowDown: () => grid.moveRow(1, extend),
    PageUp: () => grid.moveRow(-screen, extend),
    PageDown: () => grid.moveRow(screen, extend),
    Home: () => grid.move(0, extend),
    End: () => grid.move(grid.faces.length - 1, extend),
  };
  moves[key]?.();
  return key in moves;
}

export function setUpPointer(page) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action], [data-step]");
    if (button?.dataset.action) page.act(button.dataset.action);
    else if (button) showNeighbour(page, Number(button.dataset.step));
  });
  element("grid").addEventListener("click", (event) => {
    const cell = event.target.closest(".face");
    if (!cell) return;
    clickFace(page.grid, Number(cell.dataset.face), event);
    page.paintCounts();
  });
  element("grid").addEventListener("dblclick", (event) => {
    if (event.target.closest(".face")) page.act("page");
  });
}

// A click selects one face, with Ctrl or on a touch screen it adds or removes one, with Shift it selects a range.
function clickFace(grid, face, event) {
  const position = grid.positions.get(face), start = grid.start;
  const adds = event.ctrlKey || event.metaKey || event.pointerType === "touch";
  if (event.shiftKey) {
    grid.selected.clear();
    grid.start = start;
    grid.move(position, true);
    return;
  }
  grid.move(position);
  if (adds) grid.toggle(face);
  else grid.select([face]);
}
