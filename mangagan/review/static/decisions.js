// The decisions that the page shows: those on the disk, and on top of them those that are not saved yet.

export const pairKey = (first, second) => (first < second ? `${first} ${second}` : `${second} ${first}`);

export class Decisions {
  constructor() {
    this.saved = { version: "", actions: {}, merged: [], parted: [], notes: {}, outcomes: {}, unmatched: 0 };
    this.rebuild([]);
  }

  get version() { return this.saved.version; }

  // Set the state of the server and the batches that it has not saved yet.
  set(saved, batches) {
    this.saved = saved;
    this.rebuild(batches);
  }

  rebuild(batches) {
    this.actions = new Map(Object.entries(this.saved.actions));
    this.notes = new Map(Object.entries(this.saved.notes));
    this.merged = new Set(this.saved.merged.map(([first, second]) => pairKey(first, second)));
    this.parted = new Set(this.saved.parted.map(([first, second]) => pairKey(first, second)));
    this.pairs = new Map();  // face id → keys of its pairs
    for (const key of [...this.merged, ...this.parted]) this.indexPair(key);
    this.unsent = new Set();
    for (const batch of batches) this.apply(batch.rows);
  }

  indexPair(key) {
    for (const id of key.split(" ")) {
      if (!this.pairs.has(id)) this.pairs.set(id, new Set());
      this.pairs.get(id).add(key);
    }
  }

  apply(rows) {
    for (const row of rows) {
      this.unsent.add(row.face_id);
      if (row.other) {
        this.unsent.add(row.other);
        this.applyPair(row);
      } else {
        if (row.action === "reset") this.actions.delete(row.face_id);
        else this.actions.set(row.face_id, row.action);
        if (row.note) this.notes.set(row.face_id, row.note);
        else this.notes.delete(row.face_id);
      }
    }
  }

  applyPair(row) {
    const key = pairKey(row.face_id, row.other);
    this.merged.delete(key);
    this.parted.delete(key);
    if (row.action === "merge") this.merged.add(key);
    if (row.action === "part") this.parted.add(key);
    this.indexPair(key);
  }

  pairAction(key) {
    if (this.merged.has(key)) return "merge";
    return this.parted.has(key) ? "part" : "";
  }

  // The pair decisions of a face: [{ other, action }].
  pairsOf(id) {
    return [...(this.pairs.get(id) ?? [])]
      .map((key) => ({ other: key.split(" ").find((part) => part !== id), action: this.pairAction(key) }))
      .filter(({ action }) => action);
  }

  // Short name of the decision on a face, empty if there is none.
  mark(id) {
    return this.actions.get(id) ?? this.pairsOf(id)[0]?.action ?? "";
  }

  has(id) { return Boolean(this.mark(id)) || this.notes.has(id); }

  // All faces with a decision or a note.
  ids() {
    const paired = [...this.pairs.keys()].filter((id) => this.pairsOf(id).length);
    return new Set([...this.actions.keys(), ...this.notes.keys(), ...paired]);
  }

  // What the next `dvc repro` changes: drop, keep or again; empty if nothing.
  outcome(id) { return this.saved.outcomes[id] ?? ""; }
}
