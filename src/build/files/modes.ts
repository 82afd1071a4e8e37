/** --chmod: chmod(1)'s octal and symbolic modes. Pure. */

const BITS: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 };
const WHO: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** The mode that `chmod` makes of `mode`. @param chmod checked already, see isSymbolicMode */
export function changedMode(mode: number, chmod: string, isDirectory: boolean): number {
  if (/^[0-7]+$/.test(chmod)) return Number.parseInt(chmod, 8) & 0o7777;
  return chmod.split(',').reduce((before, clause) => applyClause(before, clause, isDirectory), mode);
}

function applyClause(before: number, clause: string, isDirectory: boolean): number {
  const [, who = '', actions = ''] = /^([ugoa]*)(.*)$/.exec(clause) ?? [];
  const classes = who === '' || who.includes('a') ? ['u', 'g', 'o'] : [...who];
  let mode = before;
  for (const [, operator, letters = ''] of actions.matchAll(/([-+=])([rwxXst]*)/g)) {
    let bits = 0;
    for (const name of classes) {
      for (const letter of letters) {
        if (letter in BITS) bits |= (BITS[letter] as number) << (WHO[name] as number);
        else if (letter === 'X' && (isDirectory || (before & 0o111) !== 0)) bits |= 1 << (WHO[name] as number);
        else if (letter === 's') bits |= name === 'u' ? 0o4000 : name === 'g' ? 0o2000 : 0;
        else if (letter === 't') bits |= 0o1000;
      }
    }
    if (operator === '+') mode |= bits;
    else if (operator === '-') mode &= ~bits;
    else mode = (mode & ~classes.reduce((mask, name) => mask | (7 << (WHO[name] as number)) | (name === 'u' ? 0o4000 : name === 'g' ? 0o2000 : 0o1000), 0)) | bits;
  }
  return mode;
}
