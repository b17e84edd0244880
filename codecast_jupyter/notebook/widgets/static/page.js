/**
 * The way from a widget to Codecast.
 *
 * The page asks the Jupyter server itself where it can: that works while the kernel is busy and
 * after it is gone. Where the page is not that server's (VS Code, a kernel that speaks to another
 * one) the kernel forwards. Where neither answers, the widget shows its snapshot.
 */

const API = 'api/codecast/v1';
const FIRST_WAIT = 300; // milliseconds between attempts to come back
const LONGEST_WAIT = 8000;
const KERNEL_ANSWERS = 4000; // milliseconds in which an idle kernel has answered

/** The server that this page came from, or null where it is not a Jupyter page. */
function pageServer() {
  const node = document.getElementById('jupyter-config-data');
  try {
    const config = node ? JSON.parse(node.textContent) : null;
    return config?.baseUrl ? config : null;
  } catch {
    return null;
  }
}

/** A refusal, in the words of the server. */
class Problem extends Error {
  constructor(told) {
    super(told.message || 'It failed.');
    this.hint = told.hint || '';
    this.code = told.code || 'internal';
  }
}

class Direct {
  constructor(config) {
    this._base = new URL(config.baseUrl, location.href);
    this._token = config.token || '';
  }

  _url(path) {
    return new URL(path, this._base.href.replace(/\/?$/, '/'));
  }

  /** Ask Codecast. */
  call(verb, path, body) {
    return this._ask(verb, `${API}${path}`, body);
  }

  /** What ■ in the toolbar does. */
  interruptKernel(id) {
    return this._ask('POST', `api/kernels/${encodeURIComponent(id)}/interrupt`);
  }

  async _ask(verb, path, body) {
    const headers = { 'X-Codecast-Surface': 'notebook' };
    const xsrf = document.cookie.match(/\b_xsrf=([^;]+)/);
    if (xsrf) {
      headers['X-XSRFToken'] = xsrf[1];
    }
    if (this._token) {
      headers.Authorization = `token ${this._token}`;
    }
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
    }
    const answer = await fetch(this._url(path), {
      method: verb,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin'
    });
    const text = await answer.text();
    let told = null;
    try {
      told = text ? JSON.parse(text) : null;
    } catch {
      told = { message: `The server answered ${answer.status}.` };
    }
    if (!answer.ok) {
      throw new Problem(told ?? { message: `The server answered ${answer.status}.` });
    }
    return told;
  }

  socket() {
    const url = this._url(`${API}/stream`);
    url.protocol = url.protocol.replace('http', 'ws');
    if (this._token) {
      url.searchParams.set('token', this._token);
    }
    return new WebSocket(url);
  }
}

/**
 * Frames of the server for one widget. `wanted()` gives the frames to send at the start of each
 * connection, `taken(frame)` gets what comes, `told(way, why)` hears direct, kernel, busy (the
 * kernel takes what was asked when its cell has ended), lost or static.
 */
class Feed {
  constructor(model, { probe, wanted, taken, told }) {
    this._model = model;
    this._probe = probe;
    this._wanted = wanted;
    this._taken = taken;
    this._told = told;
    this._direct = null;
    this._socket = null;
    this._wait = FIRST_WAIT;
    this._calls = new Map();
    this._closed = false;
    this._heard = false; // something came from the kernel
    this._why = 'This page comes from no Jupyter server'; // that it could ask itself
    this._onMessage = message => this._fromKernel(message);
    this._start();
  }

  async _start() {
    const config = pageServer();
    if (config) {
      const direct = new Direct(config);
      try {
        await direct.call('GET', this._probe());
        this._direct = direct;
      } catch (error) {
        this._why =
          error.code === 'not_found'
            ? "It is not on this page's server"
            : `This page's server does not tell (${safe(error.message)})`;
      }
    }
    if (this._closed) {
      return;
    }
    if (this._direct) {
      this._connect();
    } else {
      this._model.on('msg:custom', this._onMessage);
      this._askKernel();
    }
  }

  _askKernel() {
    const lost = () => this._heard || this._closed || this._told('static', this._why);
    const late = setTimeout(lost, KERNEL_ANSWERS);
    try {
      this._model.send({ type: 'follow' });
    } catch {
      clearTimeout(late);
      lost();
    }
  }

  _connect() {
    const socket = (this._socket = this._direct.socket());
    socket.onopen = () => {
      this._wait = FIRST_WAIT;
      this._told('direct');
      this._wanted().forEach(frame => socket.send(JSON.stringify(frame)));
    };
    socket.onmessage = message => this._taken(JSON.parse(message.data));
    socket.onclose = () => {
      if (!this._closed) {
        this._told('lost');
        setTimeout(() => this._closed || this._connect(), this._wait);
        this._wait = Math.min(this._wait * 2, LONGEST_WAIT);
      }
    };
  }

  _fromKernel(message) {
    if (message.type === 'frames') {
      if (!this._heard) {
        this._heard = true;
        this._told('kernel');
      }
      message.frames.forEach(frame => this._taken(frame));
    } else if (message.type === 'answer') {
      const waiting = this._calls.get(message.id);
      this._calls.delete(message.id);
      if (waiting) {
        clearTimeout(waiting.late);
        this._told('kernel');
        message.error ? waiting.reject(new Problem(message.error)) : waiting.resolve(message.value);
      }
    }
  }

  /** Ask again for what is wanted now. */
  again() {
    if (this._socket?.readyState === WebSocket.OPEN) {
      this._wanted().forEach(frame => this._socket.send(JSON.stringify(frame)));
    }
  }

  /** Do something for the person; rejects with a Problem. */
  call(verb, path, body) {
    if (this._direct) {
      return this._direct.call(verb, path, body);
    }
    const id = crypto.randomUUID?.() ?? String(Math.random());
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this._told('busy'), KERNEL_ANSWERS);
      this._calls.set(id, { resolve, reject, late });
      this._model.send({ type: 'call', id, verb, path, body: body ?? null });
    });
  }

  /** Interrupt the kernel, also while it is busy; rejects where this page cannot. */
  async interruptKernel(id) {
    if (!this._direct || !id) {
      throw new Problem({ message: 'This page does not reach the kernel itself.' });
    }
    await this._direct.interruptKernel(id);
  }

  close() {
    this._closed = true;
    this._socket?.close();
    this._calls.forEach(({ late }) => clearTimeout(late));
    this._model.off('msg:custom', this._onMessage);
  }
}
