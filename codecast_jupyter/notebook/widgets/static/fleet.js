/** Many sessions at once: a card each, who needs you, how far everything is. */

const OVER = new Set(['stopped', 'failed']);
const LATE = 4000; // milliseconds in which a run has ended that is told to

class FleetView extends Live {
  constructor(model, el) {
    super(model, el);
    this._onCount = () => this.fresh && this._tick();
    this._onIds = () => {
      this.feed.again();
      this._soon();
    };
    model.on('change:counts', this._onCount);
    model.on('change:ids', this._onIds);
  }

  _probe() {
    const known = this.model.get('probe');
    return known ? `/sessions/${known}` : '/health';
  }

  _asked() {
    return [{ type: 'watch' }];
  }

  get ids() {
    return this.model.get('ids');
  }

  _build() {
    this.sessions = new Map();
    this.cards = new Map();
    this.dirty = new Set();
    this.facts = h('span', { class: 'cc-facts' });
    this.needs = h('button', { class: 'cc-needs', hidden: true, onclick: () => this._toNext() });
    this.bar = h('div', { class: 'cc-bar' });
    this.cancel = h(
      'button',
      { class: 'cc-interrupt', hidden: true, onclick: () => this._cancel() },
      '■ Cancel'
    );
    this.place = this.grid = h('div', { class: 'cc-grid' });
    this.root = h(
      'div',
      { class: 'cc-fleet' },
      h(
        'div',
        { class: 'cc-head' },
        h('strong', {}, safe(this.model.get('title'))),
        this.needs,
        this.facts,
        this.cancel
      ),
      this.bar,
      this.banner,
      this.grid
    );
  }

  /** A run's tasks have their places before their sessions are there. */
  _way(way, why) {
    super._way(way, why);
    this.cancel.disabled = way === 'static';
    if (way === 'direct' || way === 'kernel') {
      this._soon();
    }
  }

  _wanted(session) {
    if (this.ids.length) {
      return this.ids.includes(session.id);
    }
    const machine = this.model.get('machine');
    const here = !machine || session.machine === machine;
    return here && (this.cards.has(session.id) || !OVER.has(session.state?.status));
  }

  _take(frame) {
    if (frame.type === 'session' && this._wanted(frame.session)) {
      this.sessions.set(frame.session.id, frame.session);
      this.dirty.add(frame.session.id);
      this._soon();
    } else if (frame.type === 'session_removed') {
      this.sessions.delete(frame.id);
      this.dirty.add(frame.id);
      this._soon();
    }
  }

  _draw() {
    const run = this.model.get('counts').total !== undefined;
    const there = this.ids.length
      ? this.ids.filter(id => this.sessions.has(id))
      : [...this.sessions.keys()];
    for (const id of run ? this.ids : there) {
      if (this.cards.has(id) && !this.dirty.has(id)) {
        continue;
      }
      const card = this._card(id);
      const before = this.cards.get(id);
      if (before) {
        before.replaceWith(card);
      } else {
        this.grid.append(card);
      }
      this.cards.set(id, card);
    }
    for (const [id, card] of this.cards) {
      if (!run && !this.sessions.has(id)) {
        card.remove();
        this.cards.delete(id);
      }
    }
    this.dirty.clear();
  }

  _card(id) {
    const session = this.sessions.get(id);
    const label = this.model.get('labels')[id];
    if (!session) {
      return h(
        'div',
        { class: 'cc-card', 'data-status': 'absent', 'data-session': id },
        h(
          'div',
          { class: 'cc-cardHead' },
          dot('absent'),
          h('strong', {}, safe(label ?? id.slice(0, 8))),
          h('small', {}, 'not begun')
        ),
        h('div', { class: 'cc-progress' })
      );
    }
    const state = session.state ?? {};
    const word = this._word(state.status ?? 'starting', state);
    // a turn that failed leaves its CLI idle, and the person with a failure
    const status = word === 'failed' ? 'failed' : (state.status ?? 'starting');
    const plan = state.plan ?? [];
    const done = plan.filter(entry => entry.status === 'completed').length;
    const share = this._share(status, state, plan.length ? done / plan.length : 0);
    const [request] = Object.values(state.requests ?? {});
    const doing = plan.find(entry => entry.status === 'in_progress')?.content;
    return h(
      'div',
      { class: 'cc-card', 'data-status': status, 'data-session': id },
      h(
        'div',
        { class: 'cc-cardHead' },
        dot(word === 'done' ? 'completed' : status),
        h('strong', { title: safe(label ?? session.name) }, safe(label ?? session.name)),
        h('small', {}, status === 'waiting' ? 'needs you' : word)
      ),
      h(
        'div',
        { class: 'cc-cardWhere' },
        safe(
          [session.machine, session.cli, label ? session.name : ''].filter(part => part).join(' · ')
        )
      ),
      h(
        'div',
        {
          class: 'cc-progress',
          'data-indeterminate': share === null && status === 'running',
          title: plan.length ? `${done} of ${plan.length} steps` : ''
        },
        h('span', { style: `width: ${share === null ? 100 : Math.round(share * 100)}%` })
      ),
      h('div', {
        class: 'cc-cardFacts',
        'data-since': state.turn?.since ?? '',
        'data-worked': state.worked?.seconds ?? 0
      }),
      state.error ? h('div', { class: 'cc-cardError' }, safe(state.error.message)) : null,
      request
        ? requestCard(
            request,
            body =>
              this.feed.call(
                'POST',
                `/sessions/${id}/requests/${encodeURIComponent(request.request)}/answer`,
                body
              ),
            true
          )
        : doing
          ? h('div', { class: 'cc-cardDoing' }, '▸ ', safe(doing))
          : null
    );
  }

  _word(status, state) {
    const ended = state.turns > 0 && !state.turn && ['idle', 'exited', 'stopped'].includes(status);
    return ended ? (state.error ? 'failed' : 'done') : status;
  }

  /** How much of its bar is full; null where nobody can tell. */
  _share(status, state, planned) {
    if (status === 'waiting') {
      return planned || 1;
    }
    if (state.turn) {
      return planned || null;
    }
    return state.turns > 0 || status === 'failed' ? 1 : 0;
  }

  _tick() {
    const now = Date.now() / 1000;
    for (const [id, card] of this.cards) {
      const facts = card.querySelector('.cc-cardFacts');
      const state = this.sessions.get(id)?.state;
      if (facts && state) {
        const running = state.worked?.since ? Math.max(0, now - state.worked.since) : 0;
        const seconds = (state.worked?.seconds ?? 0) + running;
        const used = state.usage?.output_tokens;
        const parts = [
          seconds ? duration(seconds) : '',
          used ? `${tokens(used)} tokens` : '',
          dollars(state.cost_usd)
        ];
        facts.textContent = parts.filter(part => part).join(' · ');
      }
    }
    this._head();
  }

  _head() {
    const shown = [...this.cards.keys()]
      .map(id => this.sessions.get(id)?.state)
      .filter(state => state);
    const needing = shown.filter(state => state.status === 'waiting').length;
    const running = shown.filter(state => state.status === 'running').length;
    const failed = shown.filter(
      state => state.status === 'failed' || (state.error && !state.turn)
    ).length;
    const ended = shown.filter(state => state.turns > 0 && !state.turn && !state.error).length;
    const counts = this.model.get('counts');
    const run = counts.total !== undefined;
    const all = run ? counts.total : this.cards.size;
    const cost = shown.reduce((sum, state) => sum + (state.cost_usd ?? 0), 0);
    this.needs.hidden = !needing;
    this.needs.textContent = `${needing} need${needing === 1 ? 's' : ''} you`;
    const done = run
      ? Math.max(counts.done ?? 0, this.root.dataset.way === 'direct' ? ended : 0)
      : ended;
    const parts = run
      ? [`${done} of ${all} done`]
      : [`${all} session${all === 1 ? '' : 's'}`, done ? `${done} done` : ''];
    parts.push(running ? `${running} running` : '', failed ? `${failed} failed` : '');
    if (counts.seconds !== undefined) {
      parts.push(duration(counts.seconds));
    }
    parts.push(dollars(cost) + (counts.budget ? ` of ${dollars(counts.budget)}` : ''));
    this.facts.textContent = parts.filter(part => part).join(' · ');
    this.cancel.hidden = !counts.cancellable;
    const share = count => `${all ? (100 * count) / all : 0}%`;
    this.bar.replaceChildren(
      ...[
        ['done', done],
        ['failed', failed],
        ['waiting', needing],
        ['running', running]
      ].map(([kind, count]) => h('span', { 'data-status': kind, style: `width: ${share(count)}` }))
    );
  }

  _toNext() {
    this.grid
      .querySelector('.cc-card[data-status="waiting"]')
      ?.scrollIntoView({ block: 'center', behavior: 'smooth' });
  }

  /**
   * The run lives in the kernel. Where a cell waits for it the kernel hears nothing but an
   * interrupt, which ends the waiting and the run; else it is told, as soon as it listens.
   */
  async _cancel() {
    const { awaited } = this.model.get('counts');
    this.cancel.disabled = true;
    this._say('');
    try {
      if (awaited) {
        await this.feed.interruptKernel(this.model.get('kernel'));
      } else {
        this.model.send({ type: 'cancel' });
      }
      const words = awaited
        ? 'The cell was interrupted; the run ends when its turns have.'
        : 'The kernel is busy with another cell: the run ends when that has.';
      setTimeout(() => this._late(words), LATE);
    } catch {
      this._late('Interrupt the cell (■ in the toolbar) to cancel the run.');
    }
  }

  _late(words) {
    if (this.model.get('counts').cancellable) {
      this.cancel.disabled = false;
      this._say(words);
    }
  }

  close() {
    this.model.off('change:counts', this._onCount);
    this.model.off('change:ids', this._onIds);
    super.close();
  }
}

export default widget(FleetView);
