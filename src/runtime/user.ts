/**
 * Who a container's process is: `user[:group]`, names or numbers, looked up in the image's own passwd(5) and group(5).
 * The host's user database plays no part. Pure.
 */
import { ScullError } from '../host/errors.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups from the image's /etc/group and --group-add, without the primary one, sorted. */
  readonly additionalGids: readonly number[];
  /** Home directory from passwd; '/' where there is no entry. */
  readonly home: string;
  /** From passwd, where there is an entry. */
  readonly name?: string;
  readonly shell?: string;
}

/** Ids above are taken for an overflow (CVE-2024-40635); the kernel keeps 2^32-1 as "none". */
const LARGEST_ID = 2_147_483_647;

/**
 * Resolves what -u or the image's USER says. Digits are always an id, never a name (CVE-2016-3697). Without a group the
 * user's own from passwd is taken, with the groups that list the user as a member; with one, no supplementary groups.
 * @param text '' means root
 * @param passwdText contents of /etc/passwd in the image, '' where there is none
 * @throws ScullError INVALID when a name has no entry or an id is out of range
 */
export function resolveUser(text: string, passwdText: string, groupText: string): ResolvedUser {
  const colon = text.indexOf(':');
  const userPart = colon === -1 ? text : text.slice(0, colon);
  const groupPart = colon === -1 ? undefined : text.slice(colon + 1);
  if (groupPart?.includes(':') === true || (groupPart === '' && userPart === '')) {
    throw new ScullError('INVALID', `invalid user ${quoted(text)}: expected user[:group], names or numbers`);
  }
  const entry = findPasswdEntry(userPart === '' ? '0' : userPart, passwdText);
  const uid = entry?.uid ?? parseId(userPart === '' ? '0' : userPart, 'user', text);
  const gid = groupPart === undefined || groupPart === '' ? (entry?.gid ?? 0) : resolveGroup(groupPart, groupText);
  const memberships = groupPart === undefined && entry !== undefined ? membershipsOf(entry.name, groupText) : [];
  return {
    uid,
    gid,
    additionalGids: sortedIds(memberships.filter((id) => id !== gid)),
    home: entry?.home === undefined || !entry.home.startsWith('/') ? '/' : entry.home,
    ...(entry === undefined ? {} : { name: entry.name, shell: entry.shell }),
  };
}

/** Adds --group-add groups (names or numbers; `keep-groups` is not for here). @throws ScullError INVALID */
export function withGroups(user: ResolvedUser, groups: readonly string[], groupText: string): ResolvedUser {
  if (groups.length === 0) return user;
  const added = groups.map((group) => resolveGroup(group, groupText));
  return { ...user, additionalGids: sortedIds([...user.additionalGids, ...added].filter((id) => id !== user.gid)) };
}

/** A group's id by name or number. @throws ScullError INVALID */
export function resolveGroup(text: string, groupText: string): number {
  if (/^\d+$/.test(text)) return parseId(text, 'group', text);
  for (const [name, , id] of databaseLines(groupText)) {
    if (name === text && isId(id)) return Number(id);
  }
  throw new ScullError('INVALID', `no group ${quoted(text)} in the image's /etc/group`, { hint: 'give its number, or a group that the image has' });
}

export interface NewUser {
  readonly uid: number;
  readonly gid: number;
  /** Name wished for; made unlike those of the image where it is taken. */
  readonly name: string;
  /** Of the group; the user's unless given. */
  readonly groupName?: string;
  readonly home: string;
  /** His real name (GECOS). */
  readonly comment?: string;
}

/** The user's own wishes for such lines, podman-run(1): with variables to be replaced. */
export interface EntryTemplates {
  readonly passwd?: string | undefined;
  readonly group?: string | undefined;
}

/** Lines for the end of the image's /etc/passwd and /etc/group. */
export interface NewEntries {
  readonly passwd?: string;
  readonly group?: string;
}

/**
 * Lines for users that the image does not know (--userns=keep-id, -u 1234), so that programs which ask for a name or a home
 * get one. The first of two users with one id has it. Nothing where the image knows the ids already.
 */
export function newEntries(users: readonly NewUser[], passwdText: string, groupText: string, templates: EntryTemplates = {}): NewEntries {
  let passwd = passwdText;
  let group = groupText;
  for (const user of users) {
    const home = /^\/[^:\n]*$/.test(user.home) ? user.home : '/';
    const name = freeName(user.name, passwd);
    const groupName = freeName(user.groupName ?? user.name, group);
    const comment = (user.comment ?? '').replaceAll(/[:\n]/g, ' ');
    const [uid, gid] = [String(user.uid), String(user.gid)];
    if (!knowsId(passwd, user.uid)) passwd = `${terminated(passwd)}${filled(templates.passwd ?? PASSWD_ENTRY, { USERNAME: name, UID: uid, GID: gid, NAME: comment, HOME: home })}\n`;
    if (!knowsId(group, user.gid)) group = `${terminated(group)}${filled(templates.group ?? GROUP_ENTRY, { GROUPNAME: groupName, GID: gid, USERLIST: name })}\n`;
  }
  return {
    ...(passwd === passwdText ? {} : { passwd: passwd.slice(passwdText.length) }),
    ...(group === groupText ? {} : { group: group.slice(groupText.length) }),
  };
}

const PASSWD_ENTRY = '$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/sh';
const GROUP_ENTRY = '$GROUPNAME:x:$GID:$USERLIST';

function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\$([A-Z]+)/g, (whole, name: string) => values[name] ?? whole);
}

function knowsId(text: string, id: number): boolean {
  for (const [, , entryId] of databaseLines(text)) if (isId(entryId) && Number(entryId) === id) return true;
  return false;
}

function terminated(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

function freeName(wish: string, text: string): string {
  const taken = new Set([...databaseLines(text)].map(([name]) => name));
  const base = /^[a-z0-9_][a-z0-9_.-]*$/i.test(wish) ? wish : 'user';
  let name = base;
  for (let number = 1; taken.has(name); number++) name = `${base}${number}`;
  return name;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

function findPasswdEntry(text: string, passwdText: string): PasswdEntry | undefined {
  const byId = /^\d+$/.test(text);
  const wanted = byId ? parseId(text, 'user', text) : -1;
  for (const [name, , uid, gid, , home, shell] of databaseLines(passwdText)) {
    if (name === undefined || name === '' || !isId(uid) || !isId(gid)) continue;
    if (byId ? Number(uid) === wanted : name === text) return { name, uid: Number(uid), gid: Number(gid), home: home ?? '', shell: shell ?? '' };
  }
  if (byId) return undefined;
  throw new ScullError('INVALID', `no user ${quoted(text)} in the image's /etc/passwd`, { hint: 'give a numeric user id, or a user that the image has' });
}

function membershipsOf(user: string, groupText: string): number[] {
  const ids: number[] = [];
  for (const [, , id, members] of databaseLines(groupText)) {
    if (isId(id) && members !== undefined && members.split(',').includes(user)) ids.push(Number(id));
  }
  return ids;
}

function* databaseLines(text: string): Generator<readonly (string | undefined)[]> {
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed !== '' && !trimmed.startsWith('#')) yield trimmed.split(':');
  }
}

function isId(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= LARGEST_ID;
}

function parseId(text: string, what: 'user' | 'group', whole: string): number {
  if (isId(text)) return Number(text);
  throw new ScullError('INVALID', `invalid ${what} id in ${quoted(whole)}: expected a number from 0 to ${LARGEST_ID}`);
}

function sortedIds(ids: readonly number[]): number[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
