/**
 * Markdown in blocks, so that a growing text is drawn anew only in its last one.
 *
 * A block ends at a blank line where nothing that is open can go on behind it: not in a fence
 * or formula, and not before an indented line, a list, a quote or a table. Where the parts of a
 * text depend on each other (raw HTML, link definitions), the rest is one block.
 */

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const GOES_ON = /^(\s|[-*+>|]|\d+[.)]|$)/;
const HTML = /^<[a-z/!]/i;
const DEFINITION = /^\[[^\]]+\]:\s/m; // what it defines may be linked from any block

/** The blocks of a text; joined they are the text. */
export function blocksOf(text: string): string[] {
  if (DEFINITION.test(text)) {
    return [text];
  }
  const blocks: string[] = [];
  let start = 0;
  let fence = '';
  let formula = false;
  let blank = false;
  let at = 0;
  while (at < text.length) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline + 1;
    const line = text.slice(at, end).trimEnd();
    if (fence) {
      const closing = FENCE.exec(line)?.[1] ?? '';
      if (closing.startsWith(fence) && line.trim() === closing) {
        fence = '';
      }
    } else {
      if (blank && !formula && !GOES_ON.test(line)) {
        blocks.push(text.slice(start, at));
        start = at;
      }
      if (!formula && HTML.test(line)) {
        break;
      }
      fence = formula ? '' : (FENCE.exec(line)?.[1] ?? '');
      if (!fence && (line.match(/\$\$/g)?.length ?? 0) % 2) {
        formula = !formula;
      }
    }
    blank = line === '';
    at = end;
  }
  if (start < text.length) {
    blocks.push(text.slice(start));
  }
  return blocks;
}
