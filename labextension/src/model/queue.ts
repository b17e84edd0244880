/** The order of waiting prompts, by their ids. */

/**
 * In front of which one a prompt goes to have a place among the others.
 *
 * @returns null for the end; undefined where there is no such place, or it has it already
 */
export function inFrontOf(
  order: readonly string[],
  prompt: string,
  place: number
): string | null | undefined {
  const others = order.filter(id => id !== prompt);
  if (place < 0 || place > others.length || place === order.indexOf(prompt)) {
    return undefined;
  }
  return others[place] ?? null;
}

/** The place of a prompt that is let go upon another one: in front of it, or behind. */
export function droppedPlace(
  order: readonly string[],
  prompt: string,
  on: string,
  behind: boolean
): number {
  const others = order.filter(id => id !== prompt);
  return others.includes(on) ? others.indexOf(on) + Number(behind) : -1;
}
