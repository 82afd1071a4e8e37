/**
 * Text from outside (names in images, answers of registries, file names) must not steer a terminal: control characters
 * are shown, not obeyed. Covers C0 and C1 controls, DEL, and the characters that reorder or hide text (bidirectional
 * overrides, zero-width marks, line and paragraph separators).
 */

const HAZARD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const HAZARD_OR_BREAK = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** One-line text: tabs and newlines are escaped as well, as `\t` and `\n`. */
export function escapeControl(text: string): string {
  return text.replace(HAZARD_OR_BREAK, show);
}

/** Text of several lines (a tool's stderr): newlines and tabs stay, everything else is escaped. */
export function escapeControlLines(text: string): string {
  return text.replace(HAZARD, show);
}

/** DEL and the C1 controls, which JSON allows as they are, written as \\u escapes: the same JSON, harmless on a terminal. */
export function escapeJson(text: string): string {
  return text.replace(/[\x7f-\x9f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function show(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 9) return '\\t';
  if (code === 10) return '\\n';
  if (code === 13) return '\\r';
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
