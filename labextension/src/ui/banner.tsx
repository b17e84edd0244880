import { LabIcon, offlineBoltIcon } from '@jupyterlab/ui-components';
import React from 'react';

import type { Loss } from '../connection/losses';

/** What of the way to the CLI is lost, and what may be done; it stands above what it is about. */
export function Banner(props: {
  loss: Loss | 'machine';
  words: React.ReactNode;
  icon?: LabIcon;
  children?: React.ReactNode;
}): JSX.Element {
  const { loss, words, icon = offlineBoltIcon, children } = props;
  return (
    <div className="jp-Codecast-banner" role="status" data-loss={loss}>
      <icon.react tag="span" className="jp-Codecast-bannerIcon" />
      <span className="jp-Codecast-bannerText">{words}</span>
      {children}
    </div>
  );
}
