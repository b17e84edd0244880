/** One session, live: transcript, requests with buttons, what it takes, a composer. */

const KEEP = 400; // entries drawn; older ones are in the panel and in `session.export()`

class SessionView extends Live {
  _probe() {
    return `/sessions/${this.id}`;
  }

  _asked() {
    return [{ type: 'subscribe', session: this.id, after: this.fold.seq }];
  }

  _build() {
    this.id = this.model.get('session');
    this.prompt = this.model.get('prompt');
    this.fold = new Transcript();
    this.fold.seq = this.model.get('after');
    this.began = !this.prompt; // a turn's view begins with its prompt
    this.nodes = new Map();
    this.dirty = new Set();
    this.followTail = true;
    this.dot = dot('absent');
    this.word = h('span', { class: 'cc-word' });
    this.facts = h('span', { class: 'cc-facts' });
    this.stop = h(
      'button',
      {
        class: 'cc-interrupt',
        hidden: true,
        title: 'Interrupt the turn',
        onclick: () => this._interrupt()
      },
      '■ Interrupt'
    );
    this.place = this.list = h('div', { class: 'cc-list', tabindex: '0' });
    this.tail = h('div', { class: 'cc-waiting' });
    this.problem = h('div');
    this.list.addEventListener('scroll', () => {
      const left = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight;
      this.followTail = left < 40;
    });
    this.root = h(
      'div',
      { class: 'cc-session', 'data-session': this.id },
      h(
        'div',
        { class: 'cc-head' },
        this.dot,
        h('strong', {}, safe(this.model.get('title'))),
        this.word,
        h('small', { class: 'cc-where' }, safe(this.model.get('where'))),
        this.facts,
        this.stop
      ),
      this.banner,
      this.list,
      this.tail,
      this.problem
    );
    if (!this.prompt) {
      this.root.append(this._composer());
    }
  }

  _composer() {
    const text = h('textarea', {
      rows: '1',
      placeholder: 'Prompt (Enter sends, Shift+Enter: new line)',
      'aria-label': 'Prompt'
    });
    const send = async () => {
      const words = text.value.trim();
      if (!words) {
        return;
      }
      text.disabled = true;
      try {
        await this._do('POST', '/prompts', { text: words });
        text.value = '';
      } finally {
        text.disabled = false;
        text.focus();
      }
    };
    text.addEventListener('keydown', event => {
      event.stopPropagation(); // the notebook has shortcuts of its own
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        send();
      }
    });
    return h('div', { class: 'cc-composer' }, text, h('button', { onclick: send }, 'Send'));
  }

  _take(frame) {
    if (frame.type === 'events' && frame.session === this.id) {
      frame.events.forEach(event => this.fold.apply(event).forEach(entry => this._changed(entry)));
      this._soon();
    } else if (frame.type === 'session_removed' && frame.id === this.id) {
      this._say('The session was removed.');
    }
  }

  _changed(entry) {
    if (entry.kind === 'prompt' && entry.id === this.prompt && !this.began) {
      this.began = true;
      this.first = entry.seq;
    }
    if (this.began && entry.seq >= (this.first ?? 0)) {
      this.dirty.add(entry);
    }
  }

  _draw() {
    for (const entry of this.dirty) {
      const node = this._entry(entry);
      const before = this.nodes.get(entry);
      if (before) {
        if (before.querySelector('details')?.open && node.querySelector('details')) {
          node.querySelector('details').open = true;
        }
        before.replaceWith(node);
      } else {
        this.list.append(node);
      }
      this.nodes.set(entry, node);
    }
    this.dirty.clear();
    while (this.list.childElementCount > KEEP) {
      this.list.firstElementChild.remove();
    }
    const waiting = this.prompt ? [] : [...this.fold.queued.values()];
    this.tail.replaceChildren(
      ...waiting.map(text => h('div', {}, '⏳ ', safe(text).slice(0, 200)))
    );
    if (this.followTail) {
      this.list.scrollTop = this.list.scrollHeight;
    }
  }

  _tick() {
    const { fold } = this;
    const status = fold.status;
    this.dot.dataset.status = status;
    this.root.dataset.status = status;
    this.word.textContent = status === 'waiting' ? 'needs you' : status;
    this.stop.hidden = !fold.turn || this.way === 'static';
    const now = fold.turn ? Math.max(0, Date.now() / 1000 - fold.turn.since) : 0;
    const parts = [
      fold.turn || fold.worked ? duration(fold.turn && this.prompt ? now : fold.worked + now) : '',
      fold.tokens ? `${tokens(fold.tokens)} tokens` : '',
      dollars(fold.cost)
    ];
    this.facts.textContent = parts.filter(part => part).join(' · ');
  }

  _entry(entry) {
    const { kind, data } = entry;
    if (kind === 'prompt') {
      const state = ['failed', 'cancelled', 'unknown'].includes(data.state)
        ? h('small', {}, ` ${data.state}`)
        : null;
      return h('div', { class: 'cc-prompt' }, safe(entry.text), state);
    }
    if (kind === 'message') {
      return h('div', { class: 'cc-message' }, markdown(entry.text));
    }
    if (kind === 'thought') {
      return h(
        'details',
        { class: 'cc-thought' },
        h('summary', {}, 'Thinking'),
        h('div', {}, markdown(entry.text))
      );
    }
    if (kind === 'tool') {
      return this._tool(entry);
    }
    if (kind === 'request') {
      return data.resolution || data.withdrawn !== undefined
        ? answered(data)
        : requestCard(data, body =>
            this._do('POST', `/requests/${encodeURIComponent(data.request)}/answer`, body, true)
          );
    }
    if (kind === 'plan') {
      const marks = { completed: '☑', in_progress: '▸', pending: '☐' };
      return h(
        'ul',
        { class: 'cc-plan' },
        (data.entries ?? []).map(one =>
          h(
            'li',
            { 'data-status': one.status },
            `${marks[one.status] ?? '☐'} `,
            inline(safe(one.content))
          )
        )
      );
    }
    if (kind === 'turn') {
      const words =
        { end_turn: 'done', cancelled: 'interrupted' }[data.reason] ??
        data.reason.replaceAll('_', ' ');
      const facts = [words, duration(data.took), dollars(data.cost_usd)].filter(part => part);
      return h(
        'div',
        { class: 'cc-end', 'data-reason': data.reason },
        facts.join(' · '),
        data.error ? problemView(data.error) : null
      );
    }
    if (kind === 'problem') {
      return problemView(data);
    }
    return h('div', { class: 'cc-notice', 'data-level': data.level ?? 'info' }, safe(data.text));
  }

  _tool(entry) {
    const { data } = entry;
    const diffs = (data.content ?? []).filter(block => block.type === 'diff');
    const told = (data.content ?? [])
      .filter(block => block.type !== 'diff' && block.text)
      .map(block => block.text);
    const output = told.join('\n') || entry.text;
    const took = entry.ended ? h('small', {}, ` ${duration(entry.ended - entry.since)}`) : null;
    const head = [
      dot(data.status),
      ' ',
      h('span', { class: 'cc-title' }, safe(data.title || data.kind || 'tool')),
      took
    ];
    const body = [
      ...(entry.shown ? [] : diffs.map(diffView)),
      output.trim() ? h('pre', {}, safe(output.slice(-20000))) : null
    ].filter(part => part);
    const open = diffs.length > 0 || data.status === 'failed';
    return body.length
      ? h('details', { class: 'cc-tool', open }, h('summary', {}, head), body)
      : h('div', { class: 'cc-tool' }, head);
  }

  async _interrupt() {
    this.stop.disabled = true;
    try {
      await this._do('POST', '/interrupt', {});
    } catch {
      // told already
    } finally {
      this.stop.disabled = false;
    }
  }

  async _do(verb, path, body, quiet = false) {
    this.problem.replaceChildren();
    try {
      return await this.feed.call(verb, `/sessions/${this.id}${path}`, body);
    } catch (error) {
      if (!quiet) {
        this.problem.replaceChildren(problemView(error));
      }
      throw error;
    }
  }
}

export default widget(SessionView);
