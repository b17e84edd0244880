/** Unified diffs, taken apart. */

/** A line with its number on either side; 0 where it has none there. */
export interface IPatchLine {
  sign: ' ' | '+' | '-' | '@';
  text: string;
  before: number;
  after: number;
}

/** Both sides of a diff, as far as it tells them, and the number of each of their lines. */
export interface ISides {
  before: string;
  after: string;
  numbers: readonly number[]; // of the lines of `after`; 0 where hunks part
}

const HUNK = /^@@+ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@+/;

/** The lines of a unified diff, without the names of its files. */
export function linesOf(diff: string): IPatchLine[] {
  const lines: IPatchLine[] = [];
  let [before, after] = [1, 1];
  let inHunk = false;
  for (const line of diff.replace(/\n$/, '').split('\n')) {
    const hunk = HUNK.exec(line);
    if (hunk) {
      [before, after, inHunk] = [Number(hunk[1]), Number(hunk[2]), true];
      lines.push({ sign: '@', text: line, before: 0, after: 0 });
    } else if (!inHunk && /^(---|\+\+\+|diff |index |new file|deleted file) ?/.test(line)) {
      continue;
    } else if (line.startsWith('+')) {
      lines.push({ sign: '+', text: line.slice(1), before: 0, after: after++ });
    } else if (line.startsWith('-')) {
      lines.push({ sign: '-', text: line.slice(1), before: before++, after: 0 });
    } else if (!line.startsWith('\\')) {
      const text = line.startsWith(' ') ? line.slice(1) : line;
      lines.push({ sign: ' ', text, before: before++, after: after++ });
    }
  }
  return lines;
}

/** How many lines are added and removed. */
export function countsOf(lines: readonly IPatchLine[]): { added: number; removed: number } {
  const count = (sign: string) => lines.filter(line => line.sign === sign).length;
  return { added: count('+'), removed: count('-') };
}

/** The two texts that a diff is between; hunks are parted by a line of `⋯`. */
export function sidesOf(lines: readonly IPatchLine[]): ISides {
  const before: string[] = [];
  const after: string[] = [];
  const numbers: number[] = [];
  lines.forEach((line, at) => {
    const isGap = line.sign === '@';
    if (isGap && at === 0) {
      return; // the first hunk needs no parting
    }
    const text = isGap ? '⋯' : line.text;
    if (line.sign !== '+') {
      before.push(text);
    }
    if (line.sign !== '-') {
      after.push(text);
      numbers.push(line.after);
    }
  });
  return { before: before.join('\n'), after: after.join('\n'), numbers };
}
