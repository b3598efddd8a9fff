// The actions of this tab, for undo. A reload of the page keeps them.

const LENGTH = 100;

export class UndoStack {
  constructor(workspace) {
    this.key = `mangagan-review-undo ${workspace}`;
    this.steps = JSON.parse(sessionStorage.getItem(this.key) ?? "[]");  // { rows, text }
  }

  get isEmpty() { return this.steps.length === 0; }

  push(rows, text) {
    this.steps.push({ rows, text });
    this.steps = this.steps.slice(-LENGTH);
    this.store();
  }

  pop() {
    const step = this.steps.pop();
    this.store();
    return step;
  }

  store() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.steps));
    } catch {
      // The storage is full or disabled: undo works until the page is reloaded.
    }
  }
}
