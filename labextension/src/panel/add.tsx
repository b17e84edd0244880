import React, { useState } from 'react';

import { CommandIDs } from '../commands';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';

/** The form for a machine that is not in the ssh config. */
export function AddMachine(props: { close: () => void }): JSX.Element {
  const { close } = props;
  const { codecast, commands, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const [fields, setFields] = useState<{ [name: string]: string }>({});
  const value = (name: string) => (fields[name] ?? '').trim();
  const wrongPort = !!value('port') && !/^\d{1,5}$/.test(value('port'));
  const add = async () => {
    const [user, host] = /^(.+)@([^@]+)$/.exec(value('host'))?.slice(1) ?? ['', value('host')];
    const name = value('name') || host;
    await codecast.api.putMachine(name, {
      host,
      ...((value('user') || user) && { user: value('user') || user }),
      ...(value('port') && { port: Number(value('port')) }),
      ...(value('proxy_jump') && { proxy_jump: value('proxy_jump') })
    });
    close();
    void commands.execute(CommandIDs.connectMachine, { machine: name });
  };
  const field = (name: string, label: string, placeholder = '', isFirst = false) => (
    <label>
      <span>{label}</span>
      <input
        className="jp-mod-styled"
        name={name}
        autoComplete="off"
        autoFocus={isFirst}
        spellCheck={false}
        placeholder={placeholder}
        value={fields[name] ?? ''}
        onChange={event => setFields({ ...fields, [name]: event.target.value })}
      />
    </label>
  );
  return (
    <form
      className="jp-Codecast-form jp-Codecast-add"
      onSubmit={event => {
        event.preventDefault();
        void run(add);
      }}
    >
      <h2>{trans.__('Add a machine')}</h2>
      <p className="jp-Codecast-hint">
        {trans.__('Hosts of your ssh config are machines already: they need not be added.')}
      </p>
      {field('host', trans.__('Host'), trans.__('me@gpu-1.example.org'), true)}
      <div className="jp-Codecast-pair">
        {field('name', trans.__('What you call it'), trans.__('as the host'))}
        {field('port', trans.__('Port'), '22')}
      </div>
      <div className="jp-Codecast-pair">
        {field('user', trans.__('User'), trans.__('as in your ssh config'))}
        {field('proxy_jump', trans.__('Through this host'), trans.__('none'))}
      </div>
      <Problem problem={problem} />
      <div className="jp-Codecast-buttons">
        <button
          type="submit"
          className="jp-mod-styled jp-mod-accept"
          disabled={busy || !value('host') || wrongPort}
        >
          {trans.__('Add and Connect')}
        </button>
        <button type="button" className="jp-mod-styled jp-mod-reject" onClick={close}>
          {trans.__('Cancel')}
        </button>
      </div>
    </form>
  );
}
