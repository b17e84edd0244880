import { useState } from 'react';

import { Display, DISPLAYS } from '../model/rows';

const KEY = 'codecast:display';

/** How a session is shown, as its person chose here; a new one as the last choice was. */
export function useDisplay(session: string): [Display, (display: Display) => void] {
  const [display, setDisplay] = useState(
    () => read(`${KEY}:${session}`) ?? read(KEY) ?? DISPLAYS[0]
  );
  const choose = (chosen: Display) => {
    setDisplay(chosen);
    try {
      localStorage.setItem(`${KEY}:${session}`, chosen);
      localStorage.setItem(KEY, chosen);
    } catch {
      // it lasts as long as the page
    }
  };
  return [display, choose];
}

function read(key: string): Display | undefined {
  try {
    const kept = localStorage.getItem(key);
    return DISPLAYS.find(display => display === kept);
  } catch {
    return undefined;
  }
}
