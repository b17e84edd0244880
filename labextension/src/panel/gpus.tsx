import React from 'react';

import { IGpu, IMachineInfo } from '../connection/types';
import { useCodecast } from '../ui/context';
import { bytes, isBusy, share } from './figures';

/** A bar of something that fills up. */
function Meter(props: { label: string; value: number | undefined; hot?: boolean }): JSX.Element {
  const { label, value, hot } = props;
  const percent = Math.round((value ?? 0) * 100);
  return (
    <span
      className="jp-Codecast-meter"
      role="meter"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      data-hot={!!hot}
    >
      <span style={{ width: `${percent}%` }} />
    </span>
  );
}

/** All GPUs of a machine on one line: how full each is, and whether it works. */
export function Gpus(props: { gpus: IGpu[] }): JSX.Element {
  const { gpus } = props;
  const { trans } = useCodecast();
  const used = gpus.reduce((sum, gpu) => sum + (gpu.memory_used ?? 0), 0);
  const total = gpus.reduce((sum, gpu) => sum + (gpu.memory_total ?? 0), 0);
  const busy = gpus.filter(isBusy).length;
  const kind = shortName(gpus[0].name);
  const words = [
    gpus.length > 1 ? `${gpus.length} × ${kind}` : kind,
    gpus.length > 1 ? trans.__('%1 busy', busy) : `${gpus[0].utilization ?? '?'} %`,
    total ? trans.__('%1 of %2', bytes(used), bytes(total)) : ''
  ];
  return (
    <div className="jp-Codecast-gpus">
      <span className="jp-Codecast-meters">
        {gpus.map((gpu, index) => (
          <span key={index} title={gpuWords(gpu, index)}>
            <Meter
              label={gpuWords(gpu, index)}
              value={share(gpu.memory_used, gpu.memory_total)}
              hot={isBusy(gpu)}
            />
          </span>
        ))}
      </span>
      <small>{words.filter(Boolean).join(' · ')}</small>
    </div>
  );
}

/** Every GPU and the rest of the hardware, a line each. */
export function Hardware(props: { info: IMachineInfo }): JSX.Element {
  const { info } = props;
  const { trans } = useCodecast();
  const { memory, disk, load, cpus } = info;
  const taken = (what?: { total?: number; available?: number }) =>
    what?.total && what.available !== undefined ? what.total - what.available : undefined;
  const lines: [string, number | undefined, string, boolean][] = (info.gpus ?? []).map(
    (gpu, index) => [
      `GPU ${index}`,
      share(gpu.memory_used, gpu.memory_total),
      gpuWords(gpu),
      isBusy(gpu)
    ]
  );
  if (load?.length && cpus) {
    const words = trans.__('load %1 of %2', load[0].toFixed(1), cpus);
    lines.push([trans.__('CPU'), share(load[0], cpus), words, load[0] > cpus]);
  }
  for (const [name, what] of [
    [trans.__('Memory'), memory],
    [trans.__('Disk'), disk]
  ] as const) {
    const part = taken(what);
    if (part !== undefined) {
      const full = share(part, what!.total);
      const words = trans.__('%1 of %2', bytes(part), bytes(what!.total!));
      lines.push([name, full, words, (full ?? 0) > 0.95]);
    }
  }
  return (
    <div className="jp-Codecast-hardware">
      {!!info.gpus?.length && (
        <small className="jp-Codecast-hardwareName">
          {[...new Set(info.gpus.map(({ name }) => name))].join(', ')}
        </small>
      )}
      {lines.map(([name, value, words, hot]) => (
        <React.Fragment key={name}>
          <span>{name}</span>
          <Meter label={`${name}: ${words}`} value={value} hot={hot} />
          <small title={words}>{words}</small>
        </React.Fragment>
      ))}
    </div>
  );
}

function gpuWords(gpu: IGpu, index?: number): string {
  const memory =
    typeof gpu.memory_used === 'number' && typeof gpu.memory_total === 'number'
      ? `${bytes(gpu.memory_used).replace(/ GB$/, '')}/${bytes(gpu.memory_total)}`
      : '';
  const work = typeof gpu.utilization === 'number' ? `${gpu.utilization} %` : '';
  const name = index === undefined ? '' : `GPU ${index} ${gpu.name}`;
  return [name, work, memory].filter(Boolean).join(' · ');
}

/** The maker's name tells nothing. */
function shortName(name: string): string {
  return name.replace(/^(NVIDIA|AMD)\s+/i, '').replace(/\s+(HBM\d?|PCIe).*$/i, '');
}
