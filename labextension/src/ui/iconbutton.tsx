import { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

interface IProps extends React.ButtonHTMLAttributes<HTMLButtonElement> {
  icon: LabIcon;
  /** What it is called. */
  label: string;
  /** What it does, where the label does not say so. */
  title?: string;
  /** Pixels, where it is not the icon's own size. */
  size?: number;
}

/** A button that is nothing but its icon; what else a button may have is passed on to it. */
export function IconButton(props: IProps): JSX.Element {
  const { icon: Icon, label, title = label, size, className, ...rest } = props;
  const pixels = size === undefined ? {} : { width: `${size}px`, height: `${size}px` };
  return (
    <button
      type="button"
      className={`jp-Codecast-icon${className ? ` ${className}` : ''}`}
      title={title}
      aria-label={label}
      {...rest}
    >
      <Icon.react tag="span" {...pixels} />
    </button>
  );
}
