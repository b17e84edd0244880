/** Events become what a person reads: the page's fold, in the order and words of the others. */

const ENDED = new Set(['done', 'failed', 'cancelled', 'unknown']);

class Transcript {
  constructor() {
    this.entries = [];
    this.seq = 0;
    this.turn = null; // {turn, since}
    this.process = 'starting';
    this.asked = new Map(); // open requests by id
    this.queued = new Map(); // prompts that wait: id to text
    this.cost = 0;
    this.tokens = 0;
    this.worked = 0; // seconds of ended turns
    this.mode = '';
    this.over = false; // its budget is reached
    this._open = new Map();
    this._prompts = new Map();
  }

  get status() {
    if (this.process === 'failed' || this.process === 'stopped') {
      return this.process;
    }
    if (this.asked.size) {
      return 'waiting';
    }
    if (this.turn) {
      return 'running';
    }
    if (this.over) {
      return 'paused';
    }
    return this.process === 'ready' ? 'idle' : this.process;
  }

  /** The entries it made or changed. */
  apply(event) {
    if (event.seq <= this.seq) {
      return [];
    }
    this.seq = event.seq;
    const step = this[`on_${event.type}`];
    return step ? (step.call(this, event) ?? []) : [];
  }

  _add(kind, id, event, data, open = true) {
    const entry = { kind, id, seq: event.seq, since: event.time, ended: null, text: '', data };
    this.entries.push(entry);
    if (open) {
      this._open.set(`${kind} ${id}`, entry);
    }
    return entry;
  }

  _chunk(kind, event) {
    const entry =
      this._open.get(`${kind} ${event.message}`) ?? this._add(kind, event.message, event, event);
    entry.text += contentText(event.content);
    return [entry];
  }

  on_agent_message_chunk(event) {
    return this._chunk('message', event);
  }

  on_agent_thought_chunk(event) {
    return this._chunk('thought', event);
  }

  on_user_message_chunk(event) {
    return this._chunk('prompt', event);
  }

  on_message_discarded(event) {
    return ['message', 'thought']
      .map(kind => this._open.get(`${kind} ${event.message}`))
      .filter(entry => entry)
      .map(entry => Object.assign(entry, { text: '' }));
  }

  /** In front of another prompt that waits, or to the end where that does not. */
  _putBefore(prompt, before) {
    const others = [...this.queued.keys()].filter(id => id !== prompt);
    const behind = others.includes(before) ? others.slice(others.indexOf(before)) : [];
    for (const id of [prompt, ...behind]) {
      const text = this.queued.get(id);
      this.queued.delete(id);
      this.queued.set(id, text);
    }
  }

  on_prompt_state(event) {
    const known = { ...this._prompts.get(event.prompt), ...event };
    this._prompts.set(event.prompt, known);
    if (event.state === 'queued') {
      this.queued.set(event.prompt, contentText(known.content));
      if (event.before !== undefined) {
        this._putBefore(event.prompt, event.before);
      }
      return [];
    }
    this.queued.delete(event.prompt);
    let entry = this._open.get(`prompt ${event.prompt}`);
    if (!entry) {
      if (event.state !== 'running' && (event.state === 'done' || !known.content)) {
        return [];
      }
      entry = this._add('prompt', event.prompt, event, known);
      entry.text = contentText(known.content);
    }
    entry.data = known;
    if (ENDED.has(event.state)) {
      this._open.delete(`prompt ${event.prompt}`);
    }
    return [entry];
  }

  on_turn_started(event) {
    this.turn = { turn: event.turn, since: event.time };
  }

  on_turn_ended(event) {
    const changed = [];
    for (const [key, entry] of [...this._open]) {
      if (['message', 'thought', 'tool'].includes(entry.kind)) {
        entry.ended = event.time;
        this._open.delete(key);
        changed.push(entry);
      }
    }
    const took = event.duration ?? (this.turn ? event.time - this.turn.since : 0);
    this.turn = null;
    this.worked += took;
    this.tokens += event.usage?.output_tokens ?? 0;
    return [...changed, this._add('turn', event.turn, event, { ...event, took }, false)];
  }

  on_tool_call(event) {
    let entry = this._open.get(`tool ${event.call}`);
    if (!entry) {
      entry = this.entries.findLast(one => one.kind === 'tool' && one.id === event.call);
    }
    entry ??= this._add('tool', event.call, event, {});
    entry.data = { ...entry.data, ...event };
    if (['completed', 'failed'].includes(event.status)) {
      entry.ended = event.time;
      this._open.delete(`tool ${event.call}`);
    }
    return [entry];
  }

  on_tool_call_update(event) {
    return this.on_tool_call(event);
  }

  on_tool_output_delta(event) {
    const entry = this._open.get(`tool ${event.call}`);
    if (entry) {
      entry.text += event.text ?? '';
    }
    return entry ? [entry] : [];
  }

  on_plan(event) {
    const last = this.entries.findLast(entry => entry.kind === 'plan');
    if (last && this.turn && last.since >= this.turn.since) {
      last.data = event;
      return [last];
    }
    return [this._add('plan', event.seq, event, event, false)];
  }

  on_request_opened(event) {
    this.asked.set(event.request, event);
    const tool = this._open.get(`tool ${event.call}`);
    if (tool) {
      tool.shown = true; // by the request
    }
    return [this._add('request', event.request, event, event)];
  }

  on_request_resolved(event) {
    return this._answered(event, { resolution: event });
  }

  on_request_withdrawn(event) {
    return this._answered(event, { withdrawn: event.why ?? '' });
  }

  _answered(event, how) {
    this.asked.delete(event.request);
    const entry = this._open.get(`request ${event.request}`);
    this._open.delete(`request ${event.request}`);
    if (!entry) {
      return [];
    }
    entry.data = { ...entry.data, ...how };
    return [entry];
  }

  on_session_state(event) {
    this.process = event.state;
    return event.error ? [this._add('problem', event.seq, event, event.error, false)] : [];
  }

  on_usage_update(event) {
    this.cost = event.cost_usd ?? this.cost;
  }

  on_config_option_update(event) {
    this.mode = event.class ?? this.mode;
  }

  on_budget_update() {
    this.over = false;
  }

  on_budget_reached(event) {
    this.over = true;
    return this.on_notice({ ...event, text: `The budget is reached (${event.limit}).` });
  }

  on_notice(event) {
    return [this._add('notice', event.seq, event, event, false)];
  }

  on_retry(event) {
    return this.on_notice({
      ...event,
      text: `The model API failed and is asked again (${event.attempt}).`
    });
  }

  on_gap(event) {
    this.turn = null;
    this.asked.clear();
    return this.on_notice({
      ...event,
      text: `Events ${event.first} to ${event.last} are lost: ${event.why}`
    });
  }
}

function contentText(content) {
  const blocks = Array.isArray(content) ? content : [content];
  return blocks
    .filter(block => block)
    .map(block =>
      block.type === 'text' && !block.name
        ? (block.text ?? '')
        : `[${block.name ?? block.uri ?? block.type}]`
    )
    .join('\n');
}
