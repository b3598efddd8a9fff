// The page: connects the data, the grid, the controls and the keys.

import { ActionError, Actions } from "./actions.js";
import { reloadImages } from "./cells.js";
import { Connection } from "./connection.js";
import { Decisions } from "./decisions.js";
import { askNote, isOpen, openHelp, openNext, openPage, paintFacts, setUpDialogs } from "./dialogs.js";
import { Faces } from "./faces.js";
import { Grid } from "./grid.js";
import { readFilters, setUpFilters } from "./filters.js";
import { setUpKeys, setUpPointer } from "./input.js";
import { Queue } from "./queue.js";
import { UndoStack } from "./undo.js";
import { makeSections } from "./views.js";

const element = (id) => document.getElementById(id);
const DECISIONS = ["keep", "drop", "replace", "merge", "part", "reset", "note"];

class Page {
  constructor() {
    this.decisions = new Decisions();
    this.connection = new Connection(this);
    this.changes = null;
    this.changesProblem = "";
  }

  async start() {
    const { workspace } = await this.connection.open();
    this.faces = new Faces(await this.connection.readFaces());
    this.queue = new Queue(workspace);
    this.undo = new UndoStack(workspace);
    await this.queue.open();
    this.grid = new Grid(element("grid"), this);
    setUpFilters(this.faces, () => this.changeView());
    setUpDialogs(() => element("grid").focus({ preventScroll: true }));
    setUpKeys(this);
    setUpPointer(this);
    element("open-next").addEventListener("click", () => openNext(this.connection));
    element("open-help").addEventListener("click", openHelp);
    addEventListener("beforeunload", (event) => { if (this.queue.count) event.preventDefault(); });
    await this.changeView();
    element("grid").focus({ preventScroll: true });
    this.connection.run(this.queue);
  }

  // What a cell of the grid needs.
  get parts() { return { faces: this.faces, decisions: this.decisions, filters: this.filters }; }

  // Show the view that the controls select.
  async changeView() {
    this.filters = readFilters();
    if (this.filters.view === "changed" && !this.changes) await this.loadChanges();
    this.show();
    element("grid").scrollTop = 0;
    this.grid.move(0);
    this.grid.draw(true);
  }

  async loadChanges() {
    try {
      this.changes = await this.connection.readChanges();
      this.changesProblem = "";
    } catch (error) {
      this.changesProblem = error.message;
    }
  }

  show() {
    this.grid.setSections(makeSections(this.faces, this.decisions, this.filters, this.changes), this.describeEmpty());
    this.paint();
  }

  describeEmpty() {
    const { view } = this.filters;
    if (view === "changed") return this.changesProblem || "No face was newly kept or dropped, and no split has changed.";
    if (view === "decisions") return "There are no decisions on the faces of this view.";
    return "No face matches.";
  }

  paint() {
    this.grid.draw(true);
    this.paintCounts();
    if (isOpen("page-dialog") && this.grid.face !== undefined) paintFacts(this.faces, this.decisions, this.grid.face);
  }

  paintCounts() {
    const shown = this.grid.faces, number = (value) => value.toLocaleString("en");
    const kept = shown.filter((face) => this.faces.isKept(face)).length;
    const waiting = Object.keys(this.decisions.saved.outcomes).length;
    const vanished = this.filters.view === "changed" ? this.changes?.vanished.length ?? 0 : 0;
    const unmatched = this.decisions.saved.unmatched;
    element("counts").textContent = [
      `${number(shown.length)} of ${number(this.faces.count)} faces: ${number(kept)} kept, ${number(shown.length - kept)} dropped`,
      `the next dvc repro changes ${number(waiting)} ${waiting === 1 ? "face" : "faces"}`,
      vanished ? `${number(vanished)} kept faces of the last commit are not in the manifest any more` : "",
      unmatched ? `${number(unmatched)} decisions match no face of this manifest` : "",
    ].filter(Boolean).join(" · ");
    const selected = this.grid.selected.size, face = this.grid.face;
    element("chosen").textContent = selected ? `${number(selected)} selected`
      : face === undefined ? "" : `${this.faces.title(face)} · ${this.faces.id(face)}`;
    element("actions").querySelector("[data-action=undo]").disabled = this.undo.isEmpty;
  }

  // Faces that an action applies to: in the page dialog the face that it shows, else the selection.
  get targets() {
    if (isOpen("page-dialog") && this.grid.face !== undefined) return [this.grid.face];
    return this.grid.targets;
  }

  // Carry out an action of a key or a button.
  async act(action) {
    const targets = this.targets;
    if (action === "all") this.grid.select(this.grid.faces);
    else if (action === "none") this.grid.select([]);
    else if (action === "toggle" && this.grid.face !== undefined) this.grid.toggle(this.grid.face);
    else if (action === "undo") this.undoLast();
    else if (action === "page" && this.grid.face !== undefined) openPage(this.faces, this.decisions, this.grid.face);
    else if (DECISIONS.includes(action) && targets.length) await this.decide(action, targets);
    this.paintCounts();
  }

  async decide(action, targets) {
    const actions = new Actions(this.faces, this.decisions);
    try {
      const note = action === "note" ? await this.askNote(actions, targets) : undefined;
      if (action === "note" && !note) return;
      const rows = actions.rows(action, targets, note?.text, note?.decision);
      if (!rows.length) throw new ActionError("There is no decision to reset");
      const text = `${action}: ${targets.length === 1 ? this.faces.id(targets[0]) : `${targets.length} faces`}`;
      this.undo.push(actions.inverse(rows), text);
      this.save(rows);
      this.say(text);
      this.advance(action);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      this.say(error.message);
    }
  }

  askNote(actions, targets) {
    const notes = new Set(targets.map((face) => this.decisions.notes.get(this.faces.id(face)) ?? ""));
    const complete = targets.every((face) => actions.action(face));
    return askNote(notes.size === 1 ? [...notes][0] : "", targets.length, complete, this.faces.isKept(targets[0]));
  }

  // After a decision on the active face go to the next one. After any decision select none.
  advance(action) {
    if (isOpen("page-dialog")) return;
    const isSingle = this.grid.targets.length === 1 && this.grid.targets[0] === this.grid.face;
    this.grid.select([]);
    if (isSingle && ["keep", "drop", "replace"].includes(action)) this.grid.move(this.grid.active + 1);
  }

  undoLast() {
    const last = this.undo.pop();
    if (!last) return this.say("There is nothing to undo");
    this.save(last.rows);
    return this.say(`undone: ${last.text}`);
  }

  save(rows) {
    this.queue.push(rows);
    this.decisions.apply(rows);
    this.paint();
    this.onStatus();
    this.connection.flush();
  }

  say(text) {
    element("live").textContent = text;
  }

  // Answer of the server: its decisions, and the version of the manifest.
  onState({ state, faces, warning }) {
    this.warning = warning;
    if (state) {
      this.decisions.set(state, this.queue.batches);
      if (this.filters.view === "decisions") this.show();
      else this.paint();
    }
    if (faces !== this.faces.version) this.reload();
    this.onStatus();
  }

  // The server can never save the decisions of an action.
  onRejected(message) {
    this.decisions.rebuild(this.queue.batches);
    this.paint();
    this.say(`not saved: ${message}`);
  }

  // Load a new manifest. Selection and focus remain on their faces.
  async reload() {
    if (this.reloading) return;
    this.reloading = true;
    try {
      const faces = new Faces(await this.connection.readFaces());
      const translate = (face) => faces.byId.get(this.faces.id(face));
      const selected = [...this.grid.selected].map(translate).filter((face) => face !== undefined);
      const active = this.grid.face === undefined ? undefined : translate(this.grid.face);
      this.faces = faces;
      this.changes = null;
      setUpFilters(faces);
      if (this.filters.view === "changed") await this.loadChanges();
      this.grid.replaceFaces(selected, active);
      this.show();
      this.say("The manifest has changed. The page shows the new one");
    } finally {
      this.reloading = false;
    }
  }

  // Show if all decisions are saved, and why not.
  onStatus() {
    const unsent = this.queue.count, { problem } = this.connection;
    const saved = element("saved"), alert = element("alert");
    saved.textContent = unsent ? `${unsent} decisions not saved yet` : "all decisions saved";
    saved.classList.toggle("unsaved", unsent > 0);
    const kept = unsent ? ` ${unsent} decisions are kept on this page and sent as soon as they can be saved.` : "";
    const text = problem ? `${problem}.${kept}` : this.warning ?? "";
    if (alert.textContent !== text) alert.textContent = text;
    if (this.hadProblem && !problem) reloadImages();
    this.hadProblem = Boolean(problem);
    alert.hidden = !text;
    document.body.dataset.unsent = unsent;
  }
}

new Page().start().catch((error) => {
  element("saved").textContent = "";
  element("alert").hidden = false;
  element("alert").textContent = `The page cannot start: ${error.message}. Reload it when the server runs: mangagan review`;
});
