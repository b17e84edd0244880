import { UUID } from '@lumino/coreutils';
import React, { useEffect, useState } from 'react';

import { CommandIDs } from '../commands';
import { CodecastError } from '../connection/api';
import { IConversation } from '../connection/types';
import { IProblem } from '../model/events.gen';
import { ago } from '../ui/ago';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { shortPath } from '../ui/words';

/** Conversations that were begun by hand on a machine, to go on with. */
export function Adopt(props: { machine: string; close: () => void }): JSX.Element {
  const { close } = props;
  const { codecast, trans } = useCodecast();
  const [machine, setMachine] = useState(props.machine);
  const [words, setWords] = useState('');
  const { found, problem } = useConversations(machine, words);
  const action = useAction();
  const machines = [...codecast.hub.machines.keys()];
  return (
    <div className="jp-Codecast-form jp-Codecast-adopt">
      <h2>{trans.__('Adopt a conversation')}</h2>
      <p className="jp-Codecast-hint">
        {trans.__('What the CLIs keep on a machine, begun by hand in a terminal. It goes on here.')}
      </p>
      <div className="jp-Codecast-pair">
        <label>
          <span>{trans.__('Machine')}</span>
          <select
            className="jp-mod-styled"
            value={machine}
            onChange={event => setMachine(event.target.value)}
          >
            {machines.map(name => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          <span>{trans.__('Words of title or directory')}</span>
          <input
            className="jp-mod-styled"
            type="search"
            autoFocus
            value={words}
            onChange={event => setWords(event.target.value)}
          />
        </label>
      </div>
      <Problem problem={problem ?? action.problem} />
      {!found && !problem && <p role="status">{trans.__('Looking on %1…', machine)}</p>}
      {found && !found.length && (
        <p role="status">{trans.__('The CLIs keep no such conversation on %1.', machine)}</p>
      )}
      <ul className="jp-Codecast-conversations">
        {found?.map(each => (
          <Conversation
            key={`${each.cli} ${each.native}`}
            conversation={each}
            machine={machine}
            action={action}
            close={close}
          />
        ))}
      </ul>
      <div className="jp-Codecast-buttons">
        <button type="button" className="jp-mod-styled jp-mod-reject" onClick={close}>
          {trans.__('Close')}
        </button>
      </div>
    </div>
  );
}

function Conversation(props: {
  conversation: IConversation;
  machine: string;
  action: ReturnType<typeof useAction>;
  close: () => void;
}): JSX.Element {
  const { conversation, machine, action, close } = props;
  const { codecast, commands, trans } = useCodecast();
  const { cli, native, title, cwd, updated, messages, live, session } = conversation;
  const known = codecast.hub.machines.get(machine);
  const facts = [
    ago(updated, trans),
    cwd && shortPath(cwd, known),
    messages ? trans._n('%1 message', '%1 messages', messages, messages) : ''
  ];
  const open = (id: string) => {
    close();
    return commands.execute(CommandIDs.openSession, { id });
  };
  const adopt = async (fork: boolean) => {
    const started = await codecast.api.start({
      id: UUID.uuid4(),
      machine,
      cwd: cwd || '~',
      cli,
      native,
      history: true,
      ...(fork && { fork })
    });
    codecast.hub.learn(started);
    await open(started.id);
  };
  return (
    <li data-native={native}>
      <div className="jp-Codecast-rowText">
        <span className="jp-Codecast-rowHead">
          <span className="jp-Codecast-rowName" title={title}>
            {title || trans.__('without a title')}
          </span>
          <span className="jp-Codecast-tag">{cli}</span>
        </span>
        <small>{facts.filter(Boolean).join(' · ')}</small>
        {live && <small className="jp-Codecast-asks">{live.reason}</small>}
      </div>
      {session ? (
        <button className="jp-Codecast-link" onClick={() => void open(session)}>
          {trans.__('Open')}
        </button>
      ) : (
        <button
          className="jp-Codecast-link"
          disabled={action.busy || !!live}
          title={live?.reason}
          onClick={() => void action.run(() => adopt(false))}
        >
          {trans.__('Adopt')}
        </button>
      )}
      <button
        className="jp-Codecast-link"
        disabled={action.busy}
        title={trans.__('Go on with a copy, and leave it as it is')}
        onClick={() => void action.run(() => adopt(true))}
      >
        {trans.__('Fork')}
      </button>
    </li>
  );
}

/** What a machine has that fits the words; null while it is looked for. */
function useConversations(
  machine: string,
  words: string
): { found: IConversation[] | null; problem: IProblem | null } {
  const { codecast } = useCodecast();
  const [answer, setAnswer] = useState<{
    found: IConversation[] | null;
    problem: IProblem | null;
  }>({ found: null, problem: null });
  useEffect(() => {
    let current = true;
    setAnswer({ found: null, problem: null });
    const timer = setTimeout(
      () => {
        codecast.api.conversations(machine, words.trim()).then(
          found => current && setAnswer({ found, problem: null }),
          error => current && setAnswer({ found: null, problem: CodecastError.problem(error) })
        );
      },
      words ? 250 : 0
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [codecast, machine, words]);
  return answer;
}
