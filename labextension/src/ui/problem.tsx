import React from 'react';

import { IProblem } from '../model/events.gen';

/** What went wrong, what to do, and the other program's own words. */
export function Problem(props: { problem: IProblem | null | undefined }): JSX.Element | null {
  const { problem } = props;
  if (!problem) {
    return null;
  }
  return (
    <div className="jp-Codecast-problem" role="alert" data-code={problem.code}>
      <div className="jp-Codecast-problemMessage">{problem.message}</div>
      {problem.hint && <div className="jp-Codecast-hint">{problem.hint}</div>}
      {problem.detail && <pre className="jp-Codecast-detail">{problem.detail}</pre>}
    </div>
  );
}
