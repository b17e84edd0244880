import React, { useEffect, useRef, useState } from 'react';

import { SessionModel } from '../model/session';
import { useCodecast } from '../ui/context';
import { statusWord } from '../ui/words';
import { Asked } from './requests';

/** Tells a screen reader what matters, and not every word of a stream. */
export function Announcer(props: { model: SessionModel; open: readonly Asked[] }): JSX.Element {
  const { trans } = useCodecast();
  const { model, open } = props;
  const { status } = model.state;
  const [words, setWords] = useState('');
  const first = useRef(true);
  const asked = open[0];
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return; // what was so before is no news
    }
    setWords(
      asked
        ? `${asked.kind === 'question' ? trans.__('Question') : trans.__('Permission')}: ${asked.title}`
        : statusWord(status, trans)
    );
  }, [asked?.request, status, trans]); // eslint-disable-line react-hooks/exhaustive-deps
  return (
    <div className="jp-Codecast-hidden" aria-live="polite" role="status">
      {words}
    </div>
  );
}
