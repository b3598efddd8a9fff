// Decisions that the server has not confirmed yet. They are kept in the browser's storage, so that neither a stopped
// server nor a closed tab loses them. Each tab has a list of its own; a new tab takes over those of closed tabs.

const PREFIX = "mangagan-review-unsent";

export class Queue {
  constructor(workspace) {
    this.prefix = `${PREFIX} ${workspace} `;
    this.tab = crypto.randomUUID();
    this.batches = [];  // { rows }, in the order of the actions
  }

  // Hold a lock as long as the tab is open, and take over the lists of closed tabs.
  async open() {
    if (!navigator.locks) return;
    await new Promise((resolve) => {
      navigator.locks.request(this.prefix + this.tab, () => { resolve(); return new Promise(() => {}); });
    });
    await navigator.locks.request(this.prefix, async () => {
      const { held } = await navigator.locks.query();
      const living = new Set(held.map((lock) => lock.name));
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix) && !living.has(key));
      for (const key of keys) {
        this.batches.push(...JSON.parse(localStorage.getItem(key)));
        this.store();
        localStorage.removeItem(key);
      }
    });
  }

  get count() { return this.batches.reduce((count, batch) => count + batch.rows.length, 0); }

  push(rows) {
    this.batches.push({ rows });
    this.store();
  }

  // Remove the first batches.
  shift(count) {
    this.batches.splice(0, count);
    this.store();
  }

  store() {
    const key = this.prefix + this.tab;
    try {
      if (this.batches.length) localStorage.setItem(key, JSON.stringify(this.batches));
      else localStorage.removeItem(key);
    } catch {
      // The storage is full or disabled: the decisions remain in this tab.
    }
  }
}
