// The rows of data/overrides.csv that an action adds, and the rows that undo it.

import { pairKey } from "./decisions.js";

export const MAX_PARTED = 10;  // faces that can be parted from each other at once

export class ActionError extends Error {}

export class Actions {
  constructor(faces, decisions) {
    this.faces = faces;
    this.decisions = decisions;
  }

  // Rows of an action on faces, which are row numbers of the manifest. Raises ActionError if it does not fit them.
  // `note` and `fallback` are for the action `note`: a note belongs to a decision, and `fallback` is that of a face
  // without one.
  rows(action, faces, note = "", fallback = "") {
    if (action === "merge") return this.merge(faces);
    if (action === "part") return this.part(faces);
    if (action === "reset") return faces.flatMap((face) => this.reset(face));
    if (action === "note") return faces.map((face) => this.single(face, this.action(face) || fallback, note));
    return faces.map((face) => this.single(face, action, this.decisions.notes.get(this.faces.id(face))));
  }

  // Rows that restore the decisions before `rows`. Call it before they are applied.
  inverse(rows) {
    const inverse = new Map();
    for (const row of rows) {
      const key = row.other ? pairKey(row.face_id, row.other) : row.face_id;
      if (inverse.has(key)) continue;
      const before = row.other ? this.decisions.pairAction(key) : this.decisions.actions.get(row.face_id);
      const note = row.other ? "" : this.decisions.notes.get(row.face_id);
      inverse.set(key, { ...row, action: before || "reset", note: note ?? "" });
    }
    return [...inverse.values()];
  }

  action(face) { return this.decisions.actions.get(this.faces.id(face)) ?? ""; }

  single(face, action, note = "") {
    return { face_id: this.faces.id(face), action, note: note ?? "", anchor: this.faces.anchor(face),
      other: "", other_anchor: "" };
  }

  pair(face, other, action) {
    return { ...this.single(face, action), other: this.faces.id(other), other_anchor: this.faces.anchor(other) };
  }

  // The best face of the selection is the one that the others duplicate.
  merge(faces) {
    if (faces.length < 2) throw new ActionError("Select two or more faces to merge them");
    const rank = (face) => [this.faces.isKept(face) ? 1 : 0, this.faces.size(face)];
    const best = faces.reduce((first, second) => {
      const [kept, size] = rank(first), [otherKept, otherSize] = rank(second);
      return otherKept > kept || (otherKept === kept && otherSize > size) ? second : first;
    });
    return faces.filter((face) => face !== best).map((face) => this.pair(face, best, "merge"));
  }

  // Part each face from the best face of its cluster and from the faces that were merged with it. If the faces have
  // neither, part each from each.
  part(faces) {
    const rows = new Map();
    for (const face of faces) {
      const merged = this.decisions.pairsOf(this.faces.id(face)).filter(({ action }) => action === "merge");
      const others = merged.map(({ other }) => this.faces.byId.get(other)).filter((other) => other !== undefined);
      if (this.faces.best(face) >= 0) others.push(this.faces.best(face));
      for (const other of others) rows.set(pairKey(String(face), String(other)), this.pair(face, other, "part"));
    }
    if (rows.size) return [...rows.values()];
    if (faces.length < 2) throw new ActionError("This face has no duplicates above it. Select the faces to part");
    if (faces.length > MAX_PARTED) throw new ActionError(`Select at most ${MAX_PARTED} faces to part them`);
    return faces.flatMap((face, index) => faces.slice(index + 1).map((other) => this.pair(face, other, "part")));
  }

  reset(face) {
    const id = this.faces.id(face);
    const rows = this.decisions.pairsOf(id)
      .map(({ other }) => this.faces.byId.get(other))
      .filter((other) => other !== undefined)
      .map((other) => this.pair(face, other, "reset"));
    if (this.action(face)) rows.push(this.single(face, "reset"));
    return rows;
  }
}
