// The faces of the manifest, by row number. The server sends columns, see mangagan/review/faces.py.

export class Faces {
  constructor(columns) {
    this.columns = columns;
    this.version = columns.version;
    this.count = columns.count;
    this.byId = new Map(columns.face_id.map((id, face) => [id, face]));
  }

  id(face) { return this.columns.face_id[face]; }
  title(face) { return this.category("title", face); }
  reason(face) { return this.category("drop_reason", face); }
  split(face) { return this.category("split", face); }
  isKept(face) { return this.columns.kept[face] === 1; }
  isImported(face) { return this.columns.imported[face] === 1; }
  number(name, face) { return this.columns[name][face]; }
  size(face) { return Math.max(this.columns.w[face] ?? 0, this.columns.h[face] ?? 0); }

  category(name, face) {
    const { values, codes } = this.columns[name];
    return values[codes[face]];
  }

  // The face that this one duplicates or mirrors, or -1.
  best(face) {
    const duplicateOf = this.columns.duplicate_of[face];
    return duplicateOf >= 0 ? duplicateOf : this.columns.mirror_of[face];
  }

  // The best face of the drawing and of its mirror image.
  root(face) {
    let root = face;
    for (let step = 0; step < 3 && this.best(root) >= 0; step += 1) root = this.best(root);
    return root;
  }

  // Where the face is in its title.
  place(face) { return this.isImported(face) ? "imported" : `page ${this.columns.page_number[face]}`; }

  anchor(face) {
    const { page_id: pages, x, y, w, h } = this.columns;
    const complete = pages[face] && [x, y, w, h].every((column) => column[face] !== null);
    return complete ? [pages[face], x[face], y[face], w[face], h[face]].join(" ") : "";
  }

  imageUrl(face) { return `/faces/${encodeURIComponent(this.id(face))}.png?v=${this.version}`; }
  pageUrl(face) { return `/pages/${encodeURIComponent(this.id(face))}.jpg?v=${this.version}`; }
}
