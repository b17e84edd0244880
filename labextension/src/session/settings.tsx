import React from 'react';

import { CodecastError } from '../connection/api';
import { SessionModel } from '../model/session';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { modeWord } from '../ui/words';
import { Notification } from '@jupyterlab/apputils';

const MODES = ['auto', 'code', 'plan', 'ask'];

/** What the CLI may do without asking. */
export function ModeSwitch(props: { model: SessionModel }): JSX.Element {
  const { trans } = useCodecast();
  const mode = props.model.state.mode ?? '';
  return (
    <Switch
      model={props.model}
      setting="mode"
      label={trans.__('Mode')}
      value={mode}
      choices={MODES.map(value => ({ value, name: value, description: modeWord(value, trans) }))}
    />
  );
}

/** The models that the CLI offers. */
export function ModelSwitch(props: { model: SessionModel }): JSX.Element | null {
  const { trans } = useCodecast();
  const setting = props.model.state.settings.model;
  if (!setting?.value && !setting?.choices?.length) {
    return null;
  }
  return (
    <Switch
      model={props.model}
      setting="model"
      label={trans.__('Model')}
      value={setting.value ?? ''}
      choices={setting.choices ?? []}
    />
  );
}

function Switch(props: {
  model: SessionModel;
  setting: 'mode' | 'model';
  label: string;
  value: string;
  choices: readonly { value: string; name?: string; description?: string }[];
}): JSX.Element {
  const { codecast } = useCodecast();
  const { busy, run } = useAction();
  const { model, setting, label, value, choices } = props;
  const known = choices.some(choice => choice.value === value);
  const title = choices.find(choice => choice.value === value)?.description;
  const choose = (chosen: string) =>
    run(async () => {
      try {
        await codecast.api.change(model.id, { [setting]: chosen });
      } catch (error) {
        const { message, hint } = CodecastError.problem(error);
        Notification.error(hint ? `${message} ${hint}` : message, { autoClose: false });
      }
    });
  return (
    <select
      className="jp-Codecast-switch"
      data-setting={setting}
      aria-label={label}
      title={title ? `${label}: ${title}` : label}
      value={value}
      disabled={busy}
      onChange={event => void choose(event.target.value)}
    >
      {!known && <option value={value}>{value || '…'}</option>}
      {choices.map(({ value, name, description }) => (
        <option key={value} value={value} title={description}>
          {name ?? value}
        </option>
      ))}
    </select>
  );
}
