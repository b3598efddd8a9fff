// Requests to the server: decisions are sent in their order, and again until the server confirms them.

const POLL_MS = 1000;
const TIMEOUT_MS = 15000;
const SAVE_TIMEOUT_MS = 120000;  // of tens of thousands of decisions at once
const OTHER_WORKSPACE = "The server at this address shows another workspace. Close this page, or start the server here";

export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function request(path, options = {}) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(options.timeout ?? TIMEOUT_MS) });
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  const detail = typeof body.detail === "string" ? body.detail : `the server answered ${response.status}`;
  throw new RequestError(response.status, detail);
}

export class Connection {
  // `listener`: object with the functions onState(answer), onRejected(message) and onStatus().
  constructor(listener) {
    this.listener = listener;
    this.problem = "";  // why decisions cannot be saved, empty if they can
    this.version = "";  // of the decisions that the page has
    this.saves = 0;
  }

  async open() {
    this.session = await request("/api/session");
    return this.session;
  }

  readFaces() { return request("/api/faces"); }
  readChanges() { return request("/api/changes"); }
  readNext() { return this.post("/api/next", {}, 150000); }

  post(path, body, timeout) {
    return request(path, {
      method: "POST", body: JSON.stringify(body), timeout,
      headers: { "Content-Type": "application/json", "X-Review-Token": this.session.token },
    });
  }

  // Poll for decisions of other tabs and for a new manifest, and send what the queue holds.
  async run(queue) {
    this.queue = queue;
    for (;;) {
      await this.poll();
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    }
  }

  async poll() {
    const saves = this.saves;
    try {
      if (this.problem) await this.renewSession();
      const answer = await request(`/api/decisions?version=${encodeURIComponent(this.version)}`);
      if (answer.workspace !== this.session.workspace) throw new RequestError(409, OTHER_WORKSPACE);
      if (!this.queue.count) this.setProblem("");
      if (saves === this.saves) this.receive(answer);
    } catch (error) {
      this.setProblem(describe(error));
      return;
    }
    await this.flush();
  }

  // Send the decisions of the queue. Only one call at a time sends.
  async flush() {
    if (this.sending) return;
    this.sending = true;
    try {
      let limit = Infinity;  // batches in one request
      while (this.queue.batches.length) {
        const batches = this.queue.batches.slice(0, limit);
        const { answer, rejected } = await this.send(batches.flatMap((batch) => batch.rows));
        limit = rejected ? 1 : limit;
        if (rejected && batches.length > 1) continue;  // find the one that is rejected
        this.saves += 1;
        this.queue.shift(batches.length);
        this.setProblem("");
        if (answer) this.receive(answer);
        else this.listener.onRejected(rejected);
      }
    } catch (error) {
      this.setProblem(describe(error));
    } finally {
      this.sending = false;
      this.listener.onStatus();
    }
  }

  // Save decisions. Return { answer }, or { rejected: message } if they can never be saved.
  async send(rows) {
    const body = { workspace: this.session.workspace, rows };
    try {
      return { answer: await this.post("/api/decisions", body, SAVE_TIMEOUT_MS) };
    } catch (error) {
      if (error.status === 413 || error.status === 422) return { rejected: error.message };
      if (error.status !== 403) throw error;
      await this.renewSession();
      return { answer: await this.post("/api/decisions", body, SAVE_TIMEOUT_MS) };
    }
  }

  // A server that was started again has a new token.
  async renewSession() {
    const session = await request("/api/session");
    if (session.workspace !== this.session.workspace) throw new RequestError(409, OTHER_WORKSPACE);
    this.session = session;
  }

  receive(answer) {
    if (answer.state) this.version = answer.state.version;
    this.listener.onState(answer);
  }

  setProblem(problem) {
    if (problem === this.problem) return;
    this.problem = problem;
    this.listener.onStatus();
  }
}

function describe(error) {
  if (error instanceof RequestError) return `The decisions cannot be saved: ${error.message}`;
  return "The server does not answer. Start it again: mangagan review";
}
