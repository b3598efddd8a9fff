// The grid of faces: a list box of which only the visible rows are in the document.

import { cancelImages, makeCell, paintCell } from "./cells.js";

const CELL = { width: 124, height: 160 };  // with its border; see .face in style.css
const HEADING_HEIGHT = 44;
const MARGIN = 400;  // [px] above and below the visible part that is drawn too

export class Grid {
  // `context`: object with faces, decisions and filters, read at each drawing.
  constructor(element, context) {
    this.element = element;
    this.context = context;
    this.canvas = document.createElement("div");
    this.canvas.className = "canvas";
    this.canvas.setAttribute("role", "presentation");
    this.element.append(this.canvas);
    this.drawn = new Map();  // row number → element
    this.selected = new Set();  // faces
    this.active = 0;  // position in the view
    this.start = 0;  // position at which a range begins
    this.setSections([], "");
    this.element.addEventListener("scroll", () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  // Show sections. The active face remains if it is in them, and so does the selection.
  setSections(sections, empty) {
    const active = this.face;
    this.sections = sections;
    this.empty = empty;
    this.faces = sections.flatMap((section) => section.faces);
    this.positions = new Map(this.faces.map((face, position) => [face, position]));
    this.selected = new Set([...this.selected].filter((face) => this.positions.has(face)));
    this.active = this.positions.get(active) ?? 0;
    this.start = this.active;
    this.layout();
  }

  // The manifest has changed: set the selection and the active face to their new row numbers.
  replaceFaces(selected, active) {
    this.selected = new Set(selected);
    this.faces = active === undefined ? [] : [active];
    this.active = 0;
    cancelImages(this.canvas);
    this.canvas.replaceChildren();
    this.drawn.clear();
  }

  get face() { return this.faces?.[this.active]; }

  // Faces that an action applies to: the selection, else the active face.
  get targets() {
    if (this.selected.size) return this.faces.filter((face) => this.selected.has(face));
    return this.face === undefined ? [] : [this.face];
  }

  resize() {
    const columns = this.countColumns();
    if (columns !== this.columns) this.layout();
    else this.draw();
  }

  countColumns() { return Math.max(1, Math.floor((this.element.clientWidth - 12) / CELL.width)); }

  // Compute the rows: { top, height, section } and, for a row of faces, { first, count }.
  layout() {
    this.columns = this.countColumns();
    this.rows = [];
    this.rowOf = [];  // position → row number
    let top = 0, position = 0;
    for (const section of this.sections) {
      this.rows.push({ top, height: HEADING_HEIGHT, section });
      top += HEADING_HEIGHT;
      for (let offset = 0; offset < section.faces.length; offset += this.columns) {
        const count = Math.min(this.columns, section.faces.length - offset);
        for (let column = 0; column < count; column += 1) this.rowOf.push(this.rows.length);
        this.rows.push({ top, height: CELL.height, section, first: position, count });
        top += CELL.height;
        position += count;
      }
    }
    this.canvas.style.height = `${top}px`;
    cancelImages(this.canvas);
    this.canvas.replaceChildren();
    this.drawn.clear();
    if (!this.rows.length && this.empty) {
      const text = document.createElement("p");
      text.className = "empty";
      text.setAttribute("role", "presentation");
      text.textContent = this.empty;
      this.canvas.append(text);
    }
    this.draw();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  // Draw the visible rows, and bring those that are drawn up to date.
  draw(repaint = false) {
    const from = this.element.scrollTop - MARGIN;
    const to = this.element.scrollTop + this.element.clientHeight + MARGIN;
    let row = this.findRow(from);
    const visible = new Set();
    for (; row < this.rows.length && this.rows[row].top < to; row += 1) visible.add(row);
    for (const [number, element] of this.drawn) {
      if (visible.has(number)) continue;
      cancelImages(element);
      element.remove();
      this.drawn.delete(number);
    }
    for (const number of visible) {
      const isNew = !this.drawn.has(number);
      if (isNew) this.drawn.set(number, this.makeRow(this.rows[number]));
      if (isNew || repaint) this.paintRow(number);
    }
    const id = this.face === undefined ? "" : `face-${this.face}`;
    if (id && document.getElementById(id)) this.element.setAttribute("aria-activedescendant", id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  // Return the first row that ends below a height.
  findRow(height) {
    let low = 0, high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].top + this.rows[middle].height <= height) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  makeRow(row) {
    const element = document.createElement("div");
    element.setAttribute("role", "presentation");
    element.className = row.count ? "row" : "row heading";
    element.style.top = `${row.top}px`;
    element.style.height = `${row.height}px`;
    if (row.count) {
      for (let offset = 0; offset < row.count; offset += 1) {
        const cell = makeCell(this.context.faces, this.faces[row.first + offset]);
        cell.style.width = `${CELL.width}px`;
        element.append(cell);
      }
    } else {
      const name = document.createElement("span"), count = document.createElement("span");
      name.className = "name";
      name.textContent = row.section.name;
      count.className = "soft";
      count.textContent = row.section.faces.length.toLocaleString("en");
      element.append(name, count);
    }
    this.canvas.append(element);
    return element;
  }

  paintRow(number) {
    const row = this.rows[number];
    for (let offset = 0; offset < (row.count ?? 0); offset += 1) {
      const position = row.first + offset, face = this.faces[position];
      paintCell(this.drawn.get(number).children[offset], face, {
        ...this.context.parts, selected: this.selected.has(face), active: position === this.active, position,
        count: this.faces.length, section: row.section.name,
      });
    }
  }

  // Make a position active, and select the faces from the start of the range to it if `extend` is true.
  move(position, extend = false) {
    if (!this.faces.length) return;
    this.active = Math.max(0, Math.min(position, this.faces.length - 1));
    if (extend) this.selectRange(this.start, this.active);
    else this.start = this.active;
    this.reveal();
    this.draw(true);
  }

  moveRow(step, extend) {
    if (!this.faces.length) return;
    let number = this.rowOf[this.active];
    const column = this.active - this.rows[number].first;
    for (let left = Math.abs(step); left > 0;) {
      const next = this.nextFaceRow(number, Math.sign(step));
      if (next === undefined) break;
      number = next;
      left -= 1;
    }
    const row = this.rows[number];
    this.move(row.first + Math.min(column, row.count - 1), extend);
  }

  nextFaceRow(number, sign) {
    for (let next = number + sign; next >= 0 && next < this.rows.length; next += sign) {
      if (this.rows[next].count) return next;
    }
    return undefined;
  }

  rowsPerScreen() { return Math.max(1, Math.floor(this.element.clientHeight / CELL.height) - 1); }

  reveal() {
    const row = this.rows[this.rowOf[this.active]];
    const above = this.rows[this.rowOf[this.active] - 1]?.count ? 0 : HEADING_HEIGHT;
    const top = row.top - above, bottom = row.top + row.height;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (bottom > this.element.scrollTop + this.element.clientHeight) {
      this.element.scrollTop = bottom - this.element.clientHeight;
    }
  }

  selectRange(first, last) {
    for (let position = Math.min(first, last); position <= Math.max(first, last); position += 1) {
      this.selected.add(this.faces[position]);
    }
  }

  toggle(face) {
    if (!this.selected.delete(face)) this.selected.add(face);
    this.draw(true);
  }

  select(faces) {
    this.selected = new Set(faces);
    this.draw(true);
  }
}
