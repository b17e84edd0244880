/** A diff in CodeMirror. The only user of the merge view: loaded when a diff is looked at. */
import { unifiedMergeView } from '@codemirror/merge';
import { EditorState, Extension } from '@codemirror/state';
import { EditorView, lineNumbers } from '@codemirror/view';
import { type IEditorLanguageRegistry, jupyterTheme } from '@jupyterlab/codemirror';

import { ISides } from '../model/patch';

/** Show it in `host`, which is emptied; give back what takes it away. */
export async function showMerge(
  host: HTMLElement,
  path: string,
  { before, after, numbers }: ISides,
  languages: IEditorLanguageRegistry | null | undefined,
  isWanted: () => boolean
): Promise<() => void> {
  const extensions: Extension[] = [
    jupyterTheme,
    EditorState.readOnly.of(true),
    EditorView.editable.of(false),
    EditorView.contentAttributes.of({ tabindex: '0', 'aria-label': path }),
    // of a new file no line was taken away, not even an empty one
    EditorView.editorAttributes.of(before ? {} : { class: 'jp-mod-new' }),
    lineNumbers({ formatNumber: line => String(numbers[line - 1] || '') }),
    unifiedMergeView({
      original: before,
      mergeControls: false,
      highlightChanges: true,
      gutter: true,
      collapseUnchanged: { margin: 3, minSize: 8 },
      diffConfig: { scanLimit: 1000, timeout: 200 }
    })
  ];
  const language = languages?.findByFileName(path);
  const support = language && (await languages!.getLanguage(language))?.support;
  if (support) {
    extensions.push(support);
  }
  if (!isWanted()) {
    return () => undefined;
  }
  const view = new EditorView({ state: EditorState.create({ doc: after, extensions }) });
  host.replaceChildren(view.dom);
  return () => view.destroy();
}
