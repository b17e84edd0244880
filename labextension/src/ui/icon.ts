import { LabIcon } from '@jupyterlab/ui-components';

/** A prompt and what is cast from it. */
export const codecastIcon = new LabIcon({
  name: 'codecast:icon',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="none" stroke="#616161" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
    <path d="M4 8l4 4-4 4M11 17h4"/>
    <path d="M14.5 9.5a3.5 3.5 0 0 1 2.8 2.8M14.5 5a8 8 0 0 1 6.9 6.9"/>
  </g>
</svg>`
});
