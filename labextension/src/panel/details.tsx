import React from 'react';

import { CommandIDs } from '../commands';
import { ICli, IMachine, IMachineInfo } from '../connection/types';
import { useCodecast } from '../ui/context';
import { Problem } from '../ui/problem';
import { useClis } from './clis';
import { Hardware } from './gpus';

/** What is to be known of a machine, and what can be done with it. */
export function Details(props: { machine: IMachine; info: IMachineInfo | undefined }): JSX.Element {
  const { machine, info } = props;
  const { commands, trans } = useCodecast();
  const isOn = machine.state === 'online';
  const { clis, problem } = useClis(machine.name, isOn);
  const platform = machine.hello?.['platform'];
  const where = [machine.user, machine.host].filter(Boolean).join('@');
  const facts = [
    where && (machine.port ?? 22) !== 22 ? `${where}:${machine.port}` : where,
    typeof platform === 'string' ? platform : '',
    machine.source === 'ssh_config' ? trans.__('from your ssh config') : '',
    machine.source === 'codecast.yaml' ? trans.__('from codecast.yaml') : ''
  ].filter(Boolean);
  const actions: [string, string, boolean][] = [
    [CommandIDs.openTerminal, trans.__('Terminal'), isOn],
    [CommandIDs.adoptSession, trans.__('Adopt…'), true],
    [CommandIDs.examineMachine, trans.__('Doctor'), true],
    [CommandIDs.disconnectMachine, trans.__('Disconnect'), isOn],
    [CommandIDs.removeMachine, trans.__('Remove…'), machine.source === 'codecast.yaml']
  ];
  return (
    <div className="jp-Codecast-details">
      {facts.length > 0 && <small>{facts.join(' · ')}</small>}
      {info && <Hardware info={info} />}
      {isOn && (
        <div className="jp-Codecast-clis">
          {!clis && !problem && <small>{trans.__('Looking for CLIs…')}</small>}
          {clis
            ?.filter(({ found }) => found)
            .map(cli => (
              <Cli key={cli.cli} cli={cli} />
            ))}
          <Problem problem={problem} />
        </div>
      )}
      <div className="jp-Codecast-actions">
        {actions
          .filter(([, , shown]) => shown)
          .map(([command, label]) => (
            <button
              key={command}
              className="jp-Codecast-link"
              onClick={() => void commands.execute(command, { machine: machine.name })}
            >
              {label}
            </button>
          ))}
      </div>
    </div>
  );
}

function Cli(props: { cli: ICli }): JSX.Element {
  const { cli } = props;
  const { trans } = useCodecast();
  const out = cli.logged_in === false;
  const title = out ? (cli.login_hint ?? trans.__('not logged in')) : (cli.note ?? undefined);
  return (
    <span className="jp-Codecast-tag" data-out={out} title={title}>
      {cli.cli} {cli.version}
      {out && ` · ${trans.__('not logged in')}`}
    </span>
  );
}
