/**
 * What all widgets are: a root with a banner for the way they are fed by, the snapshot until
 * something comes, and at most one drawing a frame.
 *
 * A subclass has `_build()`, which makes `root` and `place` (where the snapshot stands first),
 * `_probe()`, the path that tells whether the page's server is the right one, `_asked()`, the
 * frames to send it, `_take(frame)` for what comes, `_draw()`, and `_tick()`, called twice a second
 * and after each drawing. The constructor calls them.
 */

const AWAY = {
  busy: 'The kernel is busy: what was pressed here reaches it when its cell has ended.',
  lost: 'The Jupyter server is away. Trying again …'
};

class Live {
  constructor(model, el) {
    this.model = model;
    this.way = 'starting';
    this.fresh = false; // it shows more than the snapshot
    this.banner = h('div', { class: 'cc-banner', hidden: true });
    this._build();
    this.root.dataset.way = this.way;
    el.replaceChildren(this.root);
    const snapshot = model.get('snapshot');
    if (snapshot) {
      this.place.append(h('div', { class: 'cc-snapshot' }, markdown(snapshot)));
    }
    this.show = hideSnapshot(model.get('view_id'));
    this.feed = new Feed(model, {
      probe: () => this._probe(),
      wanted: () => this._asked(),
      taken: frame => this._take(frame),
      told: (way, why) => this._way(way, why)
    });
    this.clock = setInterval(() => this.fresh && this._tick(), 500);
  }

  _way(way, why) {
    this.way = this.root.dataset.way = way;
    this._say(
      way === 'static'
        ? `${why}, and no kernel answers: this is how it stood when it was saved.`
        : AWAY[way]
    );
  }

  /** Words above everything, or none. */
  _say(words) {
    this.banner.hidden = !words;
    this.banner.textContent = words ?? '';
  }

  /** Something came. */
  _soon() {
    if (!this.drawing) {
      this.drawing = true;
      const draw = () => {
        if (this.drawing) {
          this.drawing = false;
          this._begin();
          this._draw();
          this._tick();
        }
      };
      requestAnimationFrame(draw);
      setTimeout(draw, 250); // a page in the background gets no frames
    }
  }

  _begin() {
    if (!this.fresh) {
      this.fresh = true;
      this.place.querySelector('.cc-snapshot')?.remove();
    }
  }

  close() {
    clearInterval(this.clock);
    this.feed.close();
    this.show();
  }
}

/** What a widget's module exports, of a class of these. */
function widget(View) {
  return {
    render({ model, el }) {
      const view = new View(model, el);
      return () => view.close();
    }
  };
}
