/**
 * Chromium's DevTools protocol, as far as it is needed here, over the pipes that
 * `--remote-debugging-pipe` opens: messages in JSON, each with a zero behind it. Libraries that
 * speak it watch the network, too, for which the renderer keeps every file that a page consists of:
 * of ours 28 MB, which nobody else's has.
 */
export class DevTools {
  #id = 0;
  #asked = new Map();
  #listeners = new Set();
  #end;

  /** @param process a child process whose file descriptors 3 and 4 are the pipes */
  constructor(process) {
    const [, , , input, output] = process.stdio;
    this.#end = input;
    input.on('error', () => {}); // the process has ended, see below
    const parts = [];
    output.on('data', (data) => {
      for (let from = 0; ;) {
        const end = data.indexOf(0, from);
        parts.push(data.subarray(from, end < 0 ? undefined : end));
        if (end < 0) return;
        this.#take(JSON.parse(Buffer.concat(parts.splice(0)).toString()));
        from = end + 1;
      }
    });
    process.once('exit', () => this.#fail('Chromium has ended'));
  }

  /** Asks for something, of a page if `session` says of which, and waits for the answer. */
  send(method, params = {}, session = undefined) {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#end.write(
        `${JSON.stringify({ id, method, params, sessionId: session })}\0`,
      );
    });
  }

  /** Waits for an event of a page. */
  event(name, session) {
    return new Promise((resolve) => {
      const listener = (message) => {
        if (message.method !== name || message.sessionId !== session) return;
        this.#listeners.delete(listener);
        resolve(message.params);
      };
      this.#listeners.add(listener);
    });
  }

  #take(message) {
    const { id, method, result, error } = message;
    if (method === 'Inspector.targetCrashed')
      this.#fail('the page has crashed');
    for (const listener of [...this.#listeners]) listener(message);
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error) asked?.reject(new Error(error.message));
    else asked?.resolve(result);
  }

  #fail(reason) {
    for (const { reject } of this.#asked.values()) reject(new Error(reason));
    this.#asked.clear();
  }
}

/** A page of a browser that is reached by `DevTools`. */
export class Page {
  #tools;
  #session;

  constructor(tools, session) {
    this.#tools = tools;
    this.#session = session;
  }

  /** An empty page in a tab of its own. */
  static async open(tools) {
    const { targetId } = await tools.send('Target.createTarget', {
      url: 'about:blank',
    });
    const attach = { targetId, flatten: true };
    const { sessionId } = await tools.send('Target.attachToTarget', attach);
    const page = new Page(tools, sessionId);
    await page.#send('Page.enable');
    return page;
  }

  /** Opens an address and waits until the page is loaded. */
  async goto(url) {
    const loaded = this.#tools.event('Page.loadEventFired', this.#session);
    const { errorText } = await this.#send('Page.navigate', { url });
    if (errorText) throw new Error(`${url} cannot be opened: ${errorText}`);
    await loaded;
  }

  /** What a function gives, or promises, that runs in the page with a copy of an argument. */
  async evaluate(task, argument = null) {
    const expression = `(${task})(${JSON.stringify(argument)})`;
    const how = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#send(
      'Runtime.evaluate',
      how,
    );
    if (!exceptionDetails) return result.value;
    const { exception, text } = exceptionDetails;
    throw new Error(exception?.description ?? text);
  }

  /** Runs a function in whatever is opened from now on, before all else. */
  async addInitScript(task) {
    await this.#send('Page.addScriptToEvaluateOnNewDocument', {
      source: `(${task})()`,
    });
  }

  /** Gives files of this machine to the first input for files, as by its dialogue. */
  async choose(files) {
    const expression = 'document.querySelector("input[type=file]")';
    const { result } = await this.#send('Runtime.evaluate', { expression });
    await this.#send('DOM.setFileInputFiles', {
      files,
      objectId: result.objectId,
    });
  }

  #send(method, params) {
    return this.#tools.send(method, params, this.#session);
  }
}
